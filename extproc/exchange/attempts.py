"""What an answer through a fallback says of its attempts: which version gave it, and why others did not.

Envoy lists the attempts of an exchange in the header ``x-llm-attempts`` of the answer, in the order in which they were
made:

    llama/v1=rate_limit=7=10.0.0.1:8000,llama/v2=answered==10.0.0.2:8000

Each is MODEL/VERSION, how it ended, its ``retry-after``, and the address of the server, which nobody's but ours has: a
provider's is none. The header counts only where this Envoy routes the chosen
version through its egress: everywhere else a model server could have written it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from extproc.config.data_rules import FORBIDDEN, NOT_SERVED
from extproc.config.models import CompiledVersion, find_version
from extproc.domain.contract import ATTEMPTS_HEADER
from extproc.domain.errors import ApiError
from extproc.domain.record import ANSWERED, SERVER_CHARS_MAX, Attempt
from extproc.exchange.state import ExchangeState
from extproc.filters.base import ExchangeContext

ATTEMPTS_MAX: Final = 16
RETRY_AFTER_S_MAX: Final = 86_400
CONTEXT_LENGTH: Final = "context_length_exceeded"
"""The request is too long for a version, by an estimate."""
VERSION_UNKNOWN: Final = "version_unavailable"
"""The configuration has no such version any more."""
CREDENTIAL: Final = "credential"
"""A provider refused the key, or Envoy has none; it is no client's."""
PROCESSOR: Final = "processor"
"""The call in role egress failed; it would fail for every version."""
REASONS: Final = frozenset(
    {
        "connect_failure",
        "reset",
        "gateway_error",
        "rate_limit",
        "timeout",
        CONTEXT_LENGTH,
        VERSION_UNKNOWN,
        FORBIDDEN.code,
        NOT_SERVED.code,
        CREDENTIAL,
        PROCESSOR,
        ANSWERED,
    }
)
_OTHER: Final = "other"
NOT_SENT_STATUS: Final = 421
"""Of an attempt that was not sent to its model server: Envoy moves on, and counts it as no failure of that server."""

TOO_LONG: Final = ApiError(
    400,
    "invalid_request_error",
    "context_length_exceeded",
    "The request is longer than the context of every model version that could answer it. Shorten it, or ask for fewer"
    " tokens.",
)
_TOLD: Final = {error.code: error for error in (TOO_LONG, FORBIDDEN, NOT_SERVED)}
"""Why no version got the request, as its client is told if it is true of all."""
_BUSY: Final = ApiError(
    503, "service_unavailable_error", "model_unavailable", "The model service is not available. Please retry shortly."
)


class Attempts(NamedTuple):
    """The attempts.

    Attributes:
        retry_after_s: when the first of those that were refused may be made again; 0: unknown.
        server: IP:PORT of the last one that reached a server; empty: not known.
    """

    made: tuple[Attempt, ...]
    retry_after_s: int
    server: str = ""


def later_prompt_bytes(exchange: ExchangeContext) -> int:
    """The length of the longest prompt that a call in role egress may insert. [bytes]"""
    choice = exchange.choice
    return choice.fallback.prompt_bytes_max if exchange.is_egressed and choice and choice.fallback else 0


def parse_attempts(text: str) -> Attempts:
    """Read the header; what is no attempt is skipped."""
    made: list[Attempt] = []
    waits: list[int] = []
    server = ""
    for entry in text.split(",")[:ATTEMPTS_MAX]:
        version, _, rest = entry.strip().partition("=")
        reason, _, rest = rest.partition("=")
        wait, _, address = rest.partition("=")
        if version and reason:
            made.append(Attempt(version, reason if reason in REASONS else _OTHER))
        if wait.isascii() and wait.isdecimal() and len(wait) <= len(str(RETRY_AFTER_S_MAX)):
            waits.append(min(int(wait), RETRY_AFTER_S_MAX))
        if 0 < len(address) <= SERVER_CHARS_MAX:
            server = address
    return Attempts(tuple(made), min(waits, default=0), server)


def take_attempts(state: ExchangeState, headers: Mapping[str, str], status: int) -> tuple[ApiError | None, int]:
    """Note the attempts of an answer, and go on with the version that gave it.

    Returns: an error in place of an answer that is no model's, and when the client may retry; 0: unknown. [s]
    """
    exchange, record = state.exchange, state.record
    choice = exchange.choice
    if choice is None or not exchange.is_egressed:
        return None, 0
    attempts = parse_attempts(headers.get(ATTEMPTS_HEADER, ""))
    record.attempts, record.server = attempts.made, attempts.server
    models = state.snapshot.routes.models_of(record.route) or state.snapshot.models
    served = None if record.version is None else find_version(models, record.version.name)
    answering = choice if served is None else served[1]
    if answering.name != choice.name:
        record.chosen, record.version = choice.facts, answering.facts
        state.tokens.move(_prompt_bytes(answering) - _prompt_bytes(choice))
        exchange.choice = answering
    if state.request is not None and answering.served_model != state.request.model:
        state.request.served_model = answering.served_model
    is_refused = bool(attempts.made) and attempts.made[-1].reason == CREDENTIAL
    if status != NOT_SENT_STATUS and not is_refused:
        return None, attempts.retry_after_s
    chain = choice.fallback.chain if choice.fallback is not None else (choice.name,)
    reasons = {one.version: one.reason for one in attempts.made}
    told = [_TOLD.get(reasons.get(version, "")) for version in chain]
    error = next((one for one in (TOO_LONG, FORBIDDEN, NOT_SERVED) if all(told) and one in told), None)
    return error or _busy(attempts.retry_after_s), 0


def _busy(retry_after_s: int) -> ApiError:
    return ApiError(_BUSY.status, _BUSY.type, _BUSY.code, _BUSY.message, retry_after_s=retry_after_s)


def _prompt_bytes(version: CompiledVersion) -> int:
    return 0 if version.prompt is None else len(version.prompt.constant_text.encode())
