"""The entry of one exchange: the shape that is stored, exported and documented.

Money and tokens are integers. Times are of the wall clock at the start of the exchange, plus elapsed time of the
monotonic clock: a clock that is set meanwhile changes no duration. A text of a user is never in an entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, NamedTuple

FINDINGS_MAX = 32
"""Kinds of findings that an entry lists; ``finding_count`` counts all."""
ATTEMPTS_MAX = 16
_US_PER_S = 1_000_000


class EntryOutcome(StrEnum):
    """How an exchange ended. The last two reached no model; they have entries only with ``ledger.refused``."""

    COMPLETED = "completed"
    CUT = "cut"  # a guard stopped the answer
    CLIENT_LEFT = "client_left"  # before an answer began
    ABORTED = "aborted"  # in mid-answer, by the client or the model server: Envoy reports both alike
    DRAINED = "drained"  # the processor ended, and its drain timeout was over
    UPSTREAM_DIED = "upstream_died"  # before it answered; Envoy replied in its place
    TIMED_OUT = "timed_out"  # likewise, after one of Envoy's timeouts
    UPSTREAM_ERROR = "upstream_error"  # the model server answered with an error
    FAILED = "failed"  # the processor failed, or could not read the answer
    PROCESSOR_DIED = "processor_died"  # the processor was killed meanwhile; tokens are estimated
    REFUSED = "refused"  # before a model was asked
    UNREACHABLE = "unreachable"  # Envoy found no model server


NOT_REACHED = frozenset({EntryOutcome.REFUSED, EntryOutcome.UNREACHABLE})
"""No model had the request."""


class TokenSource(StrEnum):
    """Who counted tokens."""

    REPORTED = "reported"  # the model server
    ESTIMATED = "estimated"  # the processor


class TriedVersion(NamedTuple):
    """One attempt of an exchange through a fallback: MODEL/VERSION, and why the next one was asked, or `answered`."""

    version: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One exchange. The columns of ``ledger_entries`` have the same names.

    Attributes:
        exchange: its id, unique over all processes; an answer has it in `x-llm-exchange-id`.
        started_at_us: when its request arrived, by the wall clock [us since 1970, UTC].
        sent_at_us: when it was sent on to a model; likewise. None: it was not.
        first_token_at_us: when the first text of a streamed answer arrived; likewise. None: there was none.
        ended_at_us: when it ended; likewise.
        revision: of the configuration.
        team, project, budget_code, tier, use_case: of the caller; see `identity`.
        user_id: of the caller, as a keyed hash; empty where it is not known.
        key_id: of the API key that identified the caller, if any.
        identity_source: what settled the identity; `claimed`: only headers of the client.
        endpoint: the API, such as `chat` or `messages`.
        route: that chose where it went; empty without routes.
        policy: whose guards applied.
        streamed: whether the answer was a stream of events.
        model_asked: the name that the client sent; empty if no version was found for it.
        chosen: MODEL/VERSION that was chosen first, where a fallback answered instead; otherwise empty.
        model, version: that answered, or was asked last.
        fingerprint: of that version: of all that decides its answers and its price.
        prompt, prompt_fingerprint: the system prompt of that version.
        prompt_tokens: of the request; they include `cached_tokens`.
        cached_tokens: of the prompt that the model server had in its cache.
        completion_tokens: of the answer; they include `reasoning_tokens`.
        reasoning_tokens: of the answer that a client does not see as text.
        prompt_tokens_source, cached_tokens_source: `reported` by the model server, or `estimated`; None: not counted.
        completion_tokens_source, reasoning_tokens_source: likewise.
        cost_micro_usd: at the prices of the version [millionths of a USD].
        price_revision: a hash of these prices.
        choices: that were completed.
        finish_reasons: of these, in the words of the API; a word that no API has is `other`.
        tool_calls: in the answer.
        refusals: choices in which the model refused to answer.
        finding_count: findings of all guards.
        findings: how many, by GUARD/DIRECTION/KIND; the first 32 kinds.
        request_bytes, response_bytes: of the bodies, as they reached the processor.
        attempts: of Envoy, where a fallback was possible: version and reason of each.
        server: that answered, or was asked last: IP:PORT, or its name in role guard; empty: not known, or a provider's.
        outcome: how it ended.
        status: of the answer; 0: there was none.
        reason: code of the error that ended it; see the reference of errors.
        response_id: that the server gave its answer; empty: none, or one that is no word.
        trace_id: of its span, in hexadecimal digits; empty without `otel`.
        rollout: the id of the rollout that it takes part in; empty: none.
        rollout_step: of that rollout, from 1 on; 0: none.
        arm: of that rollout: `stable` or `canary`, which was chosen; empty: none.
        unit: the hash of the sticky key, from 0 to 65535; 0 without a rollout.
        signals: of the answer, by name: of a rate how many have it and how many were judged, otherwise a value.
    """

    exchange: str
    started_at_us: int
    sent_at_us: int | None = None
    first_token_at_us: int | None = None
    ended_at_us: int
    revision: str = ""
    team: str = ""
    project: str = ""
    budget_code: str = ""
    tier: str = ""
    use_case: str = ""
    user_id: str = ""
    key_id: str = ""
    identity_source: str = ""
    endpoint: str = ""
    route: str = ""
    policy: str = ""
    streamed: bool = False
    model_asked: str = ""
    chosen: str = ""
    model: str = ""
    version: str = ""
    fingerprint: str = ""
    prompt: str = ""
    prompt_fingerprint: str = ""
    prompt_tokens: int = 0
    prompt_tokens_source: TokenSource | None = None
    cached_tokens: int = 0
    cached_tokens_source: TokenSource | None = None
    completion_tokens: int = 0
    completion_tokens_source: TokenSource | None = None
    reasoning_tokens: int = 0
    reasoning_tokens_source: TokenSource | None = None
    cost_micro_usd: int = 0
    price_revision: str = ""
    choices: int = 0
    finish_reasons: tuple[str, ...] = ()
    tool_calls: int = 0
    refusals: int = 0
    finding_count: int = 0
    findings: Mapping[str, int] = field(default_factory=dict)
    request_bytes: int = 0
    response_bytes: int = 0
    attempts: tuple[TriedVersion, ...] = ()
    server: str = ""
    outcome: EntryOutcome
    status: int = 0
    reason: str = ""
    response_id: str = ""
    trace_id: str = ""
    rollout: str = ""
    rollout_step: int = 0
    arm: str = ""
    unit: int = 0
    signals: Mapping[str, Any] = field(default_factory=dict)

    @property
    def day(self) -> date:
        """The day on which it started, in UTC."""
        return datetime.fromtimestamp(self.started_at_us // _US_PER_S, UTC).date()


def plain_values(entry: LedgerEntry) -> dict[str, Any]:
    """The values of an entry by column, as JSON can have them."""
    values = asdict(entry)
    values["attempts"] = [one._asdict() for one in entry.attempts]
    values["finish_reasons"], values["findings"] = list(entry.finish_reasons), dict(entry.findings)
    values["signals"] = dict(entry.signals)
    return values
