"""What one exchange takes of the rate limits that apply to it: reserved before it is sent on, settled at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from extproc.config.compiled_rate_limits import CompiledLimit, KeyedLimit
from extproc.domain.rate_limits import TICKS_PER_NS
from extproc.domain.record import VersionFacts
from extproc.domain.token_rates import NS_PER_S
from extproc.domain.usage import Usage
from extproc.exchange.answer_lengths import AnswerLengths
from extproc.exchange.limit_accounts import Account
from extproc.exchange.tier_shares import OTHERS
from extproc.exchange.usage_estimates import NOTHING

BUSY_WAIT_NS: Final = NS_PER_S
"""When to try again where too many exchanges run: nobody knows when one of them ends. [ns]"""


class ClaimStatus(StrEnum):
    """How far a claim has come."""

    NEW = "new"
    ASKED = "asked"  # a store is asked
    HELD = "held"  # all is reserved
    REFUSED = "refused"
    UNCOUNTED = "uncounted"  # nothing could be asked, and the configuration lets it pass


class Refusal(NamedTuple):
    """Why a limit has no room.

    Attributes:
        wait_ns: when it has, if nobody else comes; 0: never, as the request is larger than the burst. [ns]
        amount: what the request would take.
    """

    limit: CompiledLimit
    wait_ns: int
    amount: int


class ClaimedLimit:
    """What a claim takes of one limit.

    Attributes:
        amount: to be reserved; the least of any request until it is estimated.
        used: known at the end.
        ahead: of the arrival time before now, after the reservation; of exchanges, how many run. [ticks]
        total: reserved of this key so far, this claim included: a place in the queue that is paid off.
        mark: likewise, as a store has it.
        tier: whose share it takes of a limit that tiers share.
        own: what it took of that tier's own time. [ticks]
        is_held: whether it is reserved; a limit in shadow that has no room reserves nothing.
        account: under its key, once it was looked up.
    """

    __slots__ = ("account", "ahead", "amount", "is_held", "key", "limit", "mark", "own", "tier", "total", "used")

    def __init__(self, limit: CompiledLimit, key: str, tier: str) -> None:
        self.limit = limit
        self.key = key
        self.tier = tier if tier in limit.tiers else OTHERS
        self.amount = self.used = 1
        self.own = self.ahead = self.total = 0
        self.mark = ""
        self.is_held = False
        self.account: Account | None = None


class Claim:
    """What an exchange takes of all limits that apply to it.

    Attributes:
        estimate: of its tokens.
        refusal: of the limit that has no room for the longest time.
        shadow_refused: names of limits in shadow that would refuse.
        at_ns: when ``ahead`` of its limits was true. [ns]
        lease: its name in a store that holds it; empty otherwise.
        is_unavailable: whether it is refused because no store answers.
    """

    __slots__ = (
        "at_ns",
        "estimate",
        "is_unavailable",
        "lease",
        "limits",
        "refusal",
        "shadow_refused",
        "status",
        "version",
    )

    def __init__(self, limits: Sequence[KeyedLimit], version: VersionFacts | None = None, tier: str = "") -> None:
        self.version = version
        self.estimate = NOTHING
        self.limits = [ClaimedLimit(limit, key, tier) for limit, key in limits]
        self.status = ClaimStatus.NEW
        self.refusal: Refusal | None = None
        self.shadow_refused: tuple[str, ...] = ()
        self.at_ns = 0
        self.lease = ""
        self.is_unavailable = False

    def expect(self, estimate: Usage) -> None:
        """Set what it takes, by an estimate of its tokens."""
        self.estimate = estimate
        prices = None if self.version is None else self.version.prices
        for one in self.limits:
            limit = one.limit
            if limit.amount is not None:
                one.amount = limit.amount(estimate, prices, limit.weights)

    def use(self, usage: Usage, version: VersionFacts | None) -> None:
        """Set what it has taken. Args: version: that answered, which has the prices."""
        prices = None if version is None else version.prices
        for one in self.limits:
            limit = one.limit
            if limit.amount is not None:
                one.used = limit.amount(usage, prices, limit.weights)

    def more(self, usage: Usage) -> list[tuple[ClaimedLimit, int]]:
        """What a larger estimate takes beyond what is reserved, of the limits that cut."""
        prices = None if self.version is None else self.version.prices
        amounts = [
            (one, one.limit.amount(usage, prices, one.limit.weights) - one.amount)
            for one in self.held()
            if one.limit.cuts and one.limit.amount is not None
        ]
        return [(one, amount) for one, amount in amounts if amount > 0]

    def refuse(self, refusals: Sequence[Refusal], shadow_refused: Sequence[str]) -> None:
        """Note which limits have no room; one whose burst is too small comes first, then the longest wait."""
        self.shadow_refused = tuple(shadow_refused)
        if refusals:
            self.refusal = max(refusals, key=_severity)
            self.status = ClaimStatus.REFUSED

    def refuse_unavailable(self) -> None:
        """Refuse, as nobody can say whether there is room."""
        self.is_unavailable = True
        self.status = ClaimStatus.REFUSED

    def held(self) -> Iterator[ClaimedLimit]:
        """The limits of which something is reserved."""
        return (one for one in self.limits if one.is_held)


def _severity(refusal: Refusal) -> tuple[bool, int]:
    return refusal.wait_ns == 0, refusal.wait_ns


def refusal_of(one: ClaimedLimit, wait: int) -> Refusal:
    """Why there is no room. Args: wait: until there is. [ticks]"""
    limit = one.limit
    if limit.is_at_a_time:
        return Refusal(limit, BUSY_WAIT_NS, one.amount)
    return Refusal(limit, 0 if one.amount > limit.burst else -(-wait // TICKS_PER_NS), one.amount)


class Limiter(Protocol):
    """Keeps what is reserved, for all exchanges.

    Attributes:
        lengths: of answers, from which the next ones are estimated.
    """

    lengths: AnswerLengths

    def is_full(self, claim: Claim, now_ns: int) -> bool:
        """Whether it is known that a limit has no room for any request."""
        ...

    def judge(self, claim: Claim, now_ns: int) -> None:
        """Refuse a claim if it is known that a limit has no room for it; reserve nothing."""
        ...

    def reserve(self, claim: Claim, now_ns: int) -> bool:
        """Reserve all of a claim, or refuse it. Returns: False if that is for a store to say, which must be asked."""
        ...

    def extend(self, claim: Claim, estimate: Usage, now_ns: int) -> bool:
        """Reserve what a stream needs beyond its claim. Returns: False, with nothing reserved, if a limit cuts it."""
        ...

    def settle(self, claim: Claim, now_ns: int) -> None:
        """The exchange has ended: reserve what it has used beyond its claim, or give back what is left."""
        ...

    def charge(self, claim: Claim, now_ns: int) -> None:
        """The exchange has ended before it reserved anything: it counts as one request."""
        ...
