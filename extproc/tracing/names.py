"""Names of spans, attributes and metrics: those of OpenTelemetry's conventions, and ours, which begin with
``llm_extproc.``. A test compares the first with the published constants.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
CACHED_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
PROMPT_NAME: Final = "gen_ai.prompt.name"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
TOKEN_TYPE: Final = "gen_ai.token.type"
ERROR_TYPE: Final = "error.type"
STATUS_CODE: Final = "http.response.status_code"
USER_HASH: Final = "user.hash"
SERVICE_NAME: Final = "service.name"
SERVICE_VERSION: Final = "service.version"
SERVICE_INSTANCE: Final = "service.instance.id"

TOKEN_USAGE: Final = "gen_ai.client.token.usage"
OPERATION_DURATION: Final = "gen_ai.client.operation.duration"
SERVER_DURATION: Final = "gen_ai.server.request.duration"
SERVER_FIRST_TOKEN: Final = "gen_ai.server.time_to_first_token"
SERVER_PER_TOKEN: Final = "gen_ai.server.time_per_output_token"

TOKEN_BUCKETS: Final = tuple(4.0**power for power in range(14))
DURATION_BUCKETS: Final = tuple(round(0.01 * 2**power, 2) for power in range(14))
FIRST_TOKEN_BUCKETS: Final = (
    0.001,
    0.005,
    0.01,
    0.02,
    0.04,
    0.06,
    0.08,
    0.1,
    0.25,
    0.5,
    0.75,
    1.0,
    2.5,
    5.0,
    7.5,
    10.0,
)
PER_TOKEN_BUCKETS: Final = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)

EXCHANGE: Final = "llm_extproc.exchange.id"
REVISION: Final = "llm_extproc.config.revision"
OUTCOME: Final = "llm_extproc.outcome"
TEAM: Final = "llm_extproc.team"
PROJECT: Final = "llm_extproc.project"
BUDGET_CODE: Final = "llm_extproc.budget_code"
TIER: Final = "llm_extproc.tier"
USE_CASE: Final = "llm_extproc.use_case"
ROUTE: Final = "llm_extproc.route"
POLICY: Final = "llm_extproc.policy"
VERSION: Final = "llm_extproc.version"
FINGERPRINT: Final = "llm_extproc.version.fingerprint"
COST: Final = "llm_extproc.cost_micro_usd"
ESTIMATED: Final = "llm_extproc.usage.estimated"
REFUSALS: Final = "llm_extproc.refusals"
SIGNAL: Final = "llm_extproc.signal."
"""What the name of a signal is behind: of a rate, how many of the answers have it."""
TEXTS: Final = "llm_extproc.guard.texts"
COVERAGE: Final = "llm_extproc.guard.coverage"
WORK_TIME: Final = "llm_extproc.work_time"
VERDICT_EVENT: Final = "llm_extproc.guard.verdict"
FINDING_EVENT: Final = "llm_extproc.guard.finding"
ATTEMPT_EVENT: Final = "llm_extproc.attempt"
GUARD: Final = "llm_extproc.guard.name"
ACTION: Final = "llm_extproc.guard.action"
KIND: Final = "llm_extproc.guard.kind"
TIMES: Final = "llm_extproc.guard.count"
ATTEMPT_REASON: Final = "llm_extproc.attempt.reason"
ATTEMPT_NUMBER: Final = "llm_extproc.attempt.number"

GUARD_REQUEST_SPAN: Final = "guard request"
GUARD_RESPONSE_SPAN: Final = "guard response"

OPERATIONS: Final[Mapping[str, str]] = {
    "chat": "chat",
    "completions": "text_completion",
    "responses": "chat",
    "messages": "chat",
    "count_tokens": "count_tokens",
    "embeddings": "embeddings",
    "rerank": "rerank",
}
"""Operations by endpoint: an exchange of any other has no span. The conventions have none for the last but one, and
for reranking.
"""
OWN_SERVER: Final = "vllm"
"""Provider of a version with servers of one's own."""
