"""What is asked of a fleet of processors: how many requests, of what size, and what is done with each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_KB: Final = 1_000


class GuardLevel(StrEnum):
    """Guards whose cost was measured as a whole."""

    NONE = "none"
    LIGHT = "light"
    """``pii`` and ``refusal``."""
    STANDARD = "standard"
    """Those of ``extproc init``: ``injection``, ``pii`` and ``refusal``."""


class LedgerPlace(StrEnum):
    """Where entries of a ledger go."""

    NONE = "none"
    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class LimitPlace(StrEnum):
    """Where rate limits are counted."""

    NONE = "none"
    """There are no limits."""
    MEMORY = "memory"
    VALKEY = "valkey"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A load. The defaults are those of ``extproc size``.

    Attributes:
        streamed: share of requests with a streamed answer.
        tokens_per_event: of a stream; vLLM sends one at a time.
        token_bytes: of a token's text.
        exchange_s: mean time from a request to the end of its answer [s].
        guards: of the policy that costs most. A level, or names of guards, each once for each time it is listed.
        limits: that apply to one request.
        teams: callers that are told apart, each with one project.
        findings: share of exchanges that go to the review queue.
        open_exchanges_max: in one Envoy, as its circuit breaker has it.
        workers: processes of a pod.
        utilization: share of a core that a worker is to use; the rest is for bursts.
    """

    requests_per_s: float
    token_bytes: float
    exchange_s: float
    streamed: float = 0.8
    prompt_tokens: int = 500
    answer_tokens: int = 400
    tokens_per_event: float = 1.0
    guards: GuardLevel | tuple[str, ...] = GuardLevel.STANDARD
    limits: int = 3
    limit_store: LimitPlace = LimitPlace.NONE
    ledger: LedgerPlace = LedgerPlace.NONE
    signals: bool = False
    otel: bool = False
    teams: int = 10
    versions: int = 2
    label_values_max: int = 100
    open_exchanges_max: int = 4_096
    findings: float = 0.001
    workers: int = 1
    utilization: float = 0.6

    @property
    def prompt_kb(self) -> float:
        """Of a request [1,000 bytes]."""
        return self.prompt_tokens * self.token_bytes / _KB

    @property
    def answer_kb(self) -> float:
        """Of an answer that is no stream [1,000 bytes], as a mean over all requests."""
        return self.answer_tokens * self.token_bytes / _KB * (1 - self.streamed)

    @property
    def events(self) -> float:
        """Of streams, as a mean over all requests."""
        return self.answer_tokens / self.tokens_per_event * self.streamed

    @property
    def open_exchanges(self) -> float:
        """At a time, on average (Little's law)."""
        return self.requests_per_s * self.exchange_s
