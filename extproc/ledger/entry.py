"""The entry of one exchange: the shape that is stored, exported and documented.

Money and tokens are integers. Times are of the wall clock at the start of the exchange, plus elapsed time of the
monotonic clock: a clock that is set meanwhile changes no duration. A text of a user is never in an entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import NamedTuple

NAME_BYTES_MAX = 256
"""Longest name in an entry, in UTF-8; the rest of a longer one is dropped."""
FINDINGS_MAX = 32
"""Kinds of findings that an entry lists; ``finding_count`` counts all."""
ATTEMPTS_MAX = 16
FINISHES_MAX = 16
"""Finish reasons that an entry lists: of its first choices."""
_US_PER_S = 1_000_000


class EntryOutcome(StrEnum):
    """How an exchange ended. The first six reached a model."""

    COMPLETED = "completed"
    CUT = "cut"  # a guard stopped the answer
    ABORTED = "aborted"  # the client left, or the model server broke off its answer: Envoy reports both alike
    UPSTREAM_DIED = "upstream_died"  # Envoy replied in place of a model server that broke off before it answered
    UPSTREAM_ERROR = "upstream_error"  # the model server answered with an error
    FAILED = "failed"  # the processor failed, or could not read the answer
    PROCESSOR_DIED = "processor_died"  # the processor was killed meanwhile; tokens are those of that time, or estimated
    REFUSED = "refused"  # before a model was asked; only with ``ledger.refused``


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
        exchange: its id, unique over all processes; answers have it in `x-llm-exchange-id`.
        started_at_us: wall clock [us since 1970, UTC]; likewise the other times. None: it did not come to that.
        sent_at_us: when the request was sent on to the model.
        first_token_at_us: of an answer that was streamed, or read in pieces.
        revision: of the configuration.
        user_id, key_id, identity_source: of the caller, where they are verified.
        model_asked: the name that the client sent.
        chosen: MODEL/VERSION that was chosen first, where a fallback answered instead; otherwise empty.
        model, version, fingerprint: that answered, or was asked last.
        prompt, prompt_fingerprint: of its system prompt.
        prompt_tokens: including ``cached_tokens``; ``completion_tokens`` includes ``reasoning_tokens``.
        prompt_tokens_source: likewise the other three; None: nothing was counted.
        cost_micro_usd: at the prices of ``price_revision``.
        choices: that were completed.
        finish_reasons: of its choices, as the API of the request calls them, in order.
        findings: GUARD/DIRECTION/KIND, and how many.
        request_bytes, response_bytes: bodies, as they reached the processor.
        attempts: of Envoy, where the exchange went through a fallback.
        status: of the answer; 0: there was none.
        reason: code of the error that ended it.
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
    outcome: EntryOutcome
    status: int = 0
    reason: str = ""

    @property
    def day(self) -> date:
        """The day on which it started, in UTC."""
        return datetime.fromtimestamp(self.started_at_us // _US_PER_S, UTC).date()


def storable_name(text: str) -> str:
    """A name that every store and every terminal can take: bounded, without control characters and surrogates.

    Args: text: from a header or a token, so it may be anything.
    """
    if text.isascii() and text.isprintable() and len(text) <= NAME_BYTES_MAX:
        return text
    kept = text[:NAME_BYTES_MAX]
    plain = "".join([one if one.isprintable() else "\ufffd" for one in kept])
    return plain.encode("utf-8", "replace")[:NAME_BYTES_MAX].decode("utf-8", "ignore")
