"""The rate limits of one exchange: refused early if one is full, reserved behind the guards, settled at its end."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from extproc.domain.errors import PayloadRefused
from extproc.domain.record import ExchangeRecord, Outcome
from extproc.domain.token_rates import NS_PER_S, RequestSize
from extproc.domain.usage import Usage
from extproc.exchange.claims import Claim, ClaimStatus, Limiter
from extproc.exchange.limit_headers import UNAVAILABLE, Headers, limit_headers, refusal_error
from extproc.exchange.response import StreamBudget
from extproc.exchange.snapshot import Snapshot
from extproc.exchange.token_counts import TokenCounts
from extproc.exchange.usage_estimates import NOTHING, estimated_usage, learn_length
from extproc.payload.dialect import Dialect
from extproc.payload.request_size import size_of
from extproc.payload.view import RequestView

ADMITTED: Final = "admitted"
REFUSED: Final = "refused"
SHADOW_REFUSED: Final = "shadow_refused"
_STEPS: Final = 8
"""A stream that needs more takes an eighth of what it has had."""
_STEP_TOKENS_MIN: Final = 16
_COMPUTED: Final = frozenset({Outcome.COMPLETED, Outcome.CUT, Outcome.FAILED, Outcome.ABORTED})


class Limiting:
    """What an exchange has to do with its rate limits. Args: utc_s: when it began, since 1970. [s]"""

    __slots__ = ("_claim", "_limiter", "_record", "_tokens", "_utc_s")

    def __init__(self, limiter: Limiter, record: ExchangeRecord, tokens: TokenCounts, utc_s: float) -> None:
        self._limiter = limiter
        self._record = record
        self._tokens = tokens
        self._utc_s = utc_s
        self._claim: Claim | None = None

    @property
    def claim(self) -> Claim | None:
        """What is taken of the limits that apply; None if none does."""
        return self._claim

    def begin(self, request: RequestView, dialect: Dialect, snapshot: Snapshot, now_ns: int) -> None:
        """Find the limits that apply, once it is known where the request goes.

        Raises: PayloadRefused (429) if it is known that one of them is full.
        """
        applying = () if snapshot.rate_limits is None else snapshot.rate_limits.of(self._record)
        if not applying:
            return
        claim = self._claim = Claim(applying, self._record.version, self._record.tier)
        if self._limiter.is_full(claim, now_ns):
            claim.expect(self._estimate(size_of(request, dialect)))
            self._limiter.judge(claim, now_ns)
            self.check(now_ns)

    def reserve(self, now_ns: int) -> Claim | None:
        """Reserve what the request is likely to take. Returns: a claim that a store must be asked for.

        Raises: PayloadRefused (429).
        """
        claim = self._claim
        if claim is None:
            return None
        claim.expect(self._estimate(self._tokens.size))
        if not self._limiter.reserve(claim, now_ns):
            return claim
        self.check(now_ns)
        return None

    def check(self, now_ns: int) -> None:
        """Raises: PayloadRefused (429; 503 if no store could be asked) if the claim was refused."""
        claim = self._claim
        if claim is not None and claim.is_unavailable:
            raise PayloadRefused(UNAVAILABLE)
        if claim is not None and claim.refusal is not None:
            raise PayloadRefused(refusal_error(claim.refusal, self.headers(now_ns)))

    def headers(self, now_ns: int) -> Headers:
        """What the client reads of its limits."""
        claim, record = self._claim, self._record
        if claim is None:
            return ()
        return limit_headers(claim, record.endpoint, now_ns, self._utc_s + (now_ns - record.started_ns) / NS_PER_S)

    def stream_budget(self) -> StreamBudget | None:
        """What a stream may take, if a limit may end it."""
        claim = self._claim
        if claim is None or claim.status is not ClaimStatus.HELD or not any(one.limit.cuts for one in claim.held()):
            return None
        return _Budget(self._limiter, claim)

    def end(self, was_forwarded: bool, now_ns: int) -> None:
        """The record is complete: settle, and note what the limits said."""
        claim, record = self._claim, self._record
        if claim is None:
            return
        if claim.status is ClaimStatus.NEW:
            self._limiter.charge(claim, now_ns)
        elif claim.status is not ClaimStatus.REFUSED:
            claim.use(self._used(was_forwarded), record.version)
            self._limiter.settle(claim, now_ns)
        record.limits = _noted(claim)
        learn_length(record, self._tokens, self._limiter.lengths)

    def _estimate(self, size: RequestSize) -> Usage:
        return estimated_usage(self._record, self._tokens, size, self._limiter.lengths)

    def _used(self, was_forwarded: bool) -> Usage:
        record = self._record
        if record.usage is not None:
            return record.usage
        is_unknown = was_forwarded and self._claim is not None and record.outcome in _COMPUTED
        return self._claim.estimate if is_unknown and self._claim is not None else NOTHING


class _Budget:
    """What is reserved for a stream, and what is taken more while there is room."""

    def __init__(self, limiter: Limiter, claim: Claim) -> None:
        self.look_at = 1
        self._limiter = limiter
        self._claim = claim

    def has_room(self, tokens: int, pieces: int, now_ns: int) -> bool:
        """Whether the stream may go on."""
        estimate = self._claim.estimate
        if tokens >= estimate.completion:
            for more in (max(tokens // _STEPS, _STEP_TOKENS_MIN), 1):
                if self._limiter.extend(self._claim, replace(estimate, completion=tokens + more), now_ns):
                    break
            else:
                return False
        left = self._claim.estimate.completion - tokens
        self.look_at = pieces + max(1, left * pieces // max(tokens, 1))
        return True


def _noted(claim: Claim) -> tuple[tuple[str, str], ...]:
    """Each limit, and what it said. Where one refuses, the others admitted nothing."""
    noted = [(name, SHADOW_REFUSED) for name in claim.shadow_refused]
    if claim.refusal is not None:
        noted.append((claim.refusal.limit.name, REFUSED))
    elif claim.status in (ClaimStatus.HELD, ClaimStatus.ASKED):
        noted += [(one.limit.name, ADMITTED) for one in claim.limits if one.limit.name not in claim.shadow_refused]
    return tuple(noted)
