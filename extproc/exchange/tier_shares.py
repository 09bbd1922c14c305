"""How priority tiers share one key of a limit while it is saturated.

Half of the burst is free for every tier, so what others leave unused is borrowed at once. The other half is for
requests within their tier's share: each tier has an arrival time of its own, at the part of the limit's speed that its
weight is of all tiers that asked lately. While all tiers ask, the free half is full, and each gets its share. A tier
that comes back finds room within its share, so none starves. Together they never hold more than the burst.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from extproc.domain.rate_limits import TICKS_PER_NS, Rate
from extproc.domain.token_rates import NS_PER_S

ASKED_TICKS_MAX: Final = 10 * NS_PER_S * TICKS_PER_NS
"""How long a tier counts as one that asks, after its last request. [ticks]"""
OTHERS: Final = ""
"""All tiers that a limit does not list, together; their weight is 1."""
FREE_PARTS: Final = 2
"""The burst over this is free for all."""


class _Share:
    __slots__ = ("arrival", "asked")

    def __init__(self) -> None:
        self.arrival = 0
        self.asked = 0


class TierShares:
    """The shares of one key. Args: weights: by tier."""

    __slots__ = ("_by_tier", "_weights")

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = weights
        self._by_tier: dict[str, _Share] = {}

    def note(self, tier: str, now: int) -> None:
        """A tier asks."""
        self._share(tier).asked = now

    def wait(self, tier: str, rate: Rate, ahead: int, amount: int, now: int) -> int:
        """Until there is room; 0 or less: there is. Args: ahead: of the whole limit. [ticks]"""
        cost = amount * rate.interval
        free = rate.burst // FREE_PARTS
        borrowed = ahead + cost - (free if ahead else rate.burst)
        if borrowed <= 0:
            return borrowed
        own_ahead = max(self._share(tier).arrival - now, 0)
        own = own_ahead + self._own(tier, cost, now) - (rate.burst - free) if own_ahead else 0
        return min(borrowed, max(own, ahead + cost - rate.burst))

    def add(self, tier: str, rate: Rate, amount: int, now: int) -> int:
        """Reserve an amount. Returns: what it took of the tier's own time. [ticks]"""
        share = self._share(tier)
        cost = self._own(tier, amount * rate.interval, now)
        share.arrival = min(max(share.arrival, now) + cost, now + rate.burst + cost)
        return cost

    def correct(self, tier: str, change: int, now: int) -> None:
        """More or less was used. Args: change: of the tier's own time. [ticks]"""
        share = self._share(tier)
        share.arrival = max(share.arrival + change, now) if change < 0 else max(share.arrival, now) + change

    def _own(self, tier: str, cost: int, now: int) -> int:
        """What a cost is at the speed of a tier's share."""
        asking = sum(
            [self._weights.get(name, 1) for name, one in self._by_tier.items() if now - one.asked <= ASKED_TICKS_MAX]
        )
        weight = self._weights.get(tier, 1)
        return cost * max(asking, weight) // weight

    def _share(self, tier: str) -> _Share:
        found = self._by_tier.get(tier)
        if found is None:
            found = self._by_tier[tier] = _Share()
        return found
