"""How large a difference is: what people see with the evidence, with an interval that is valid at every look."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from statistics import NormalDist
from typing import Any, Final, NamedTuple

from extproc.statistics.normal_mixture import half_width
from extproc.statistics.references import SignalKind
from extproc.statistics.sums import BlockSums

ALPHA: Final = 0.05
"""Of intervals: one in twenty does not hold the true ratio at some look."""
_PLANNED: Final = 1_000.0  # answers at which the interval is about as narrow as it can be
_LOG_RATIO_MAX: Final = 700.0  # of what a 64-bit float can hold


class DriftEffect(NamedTuple):
    """The ratio of what is seen to what is expected (1: none), of rates or of geometric means, and its interval."""

    ratio: float
    low: float
    high: float


class RecentLevels(NamedTuple):
    """Of some last answers the level that was seen, and that which was expected: rates, or geometric means."""

    answers: float
    seen: float
    expected: float


@dataclass(slots=True)
class Deviation:
    """What was seen and expected since some block: sums, which add up.

    ``expected``: the total of levels; ``squares``: of the differences from the level; ``errors``: the total of the
    reference's standard errors, as log ratios.
    """

    count: float = 0.0
    observed: float = 0.0
    expected: float = 0.0
    squares: float = 0.0
    errors: float = 0.0

    def add(self, block: BlockSums, level: float, error: float) -> None:
        """Take a block of one stratum."""
        self.count += block.count
        self.observed += block.total
        self.expected += block.count * level
        self.squares += max(block.squares - 2.0 * level * block.total + block.count * level * level, 0.0)
        self.errors += block.count * error

    def fade(self, factor: float) -> None:
        """Let what was taken count less."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) * factor)

    def log_ratio(self, kind: SignalKind) -> float:
        """The logarithm of the ratio; half an event is added to rates."""
        if self.count <= 0.0:
            return 0.0
        if kind is SignalKind.RATE:
            return math.log((self.observed + 0.5) / (self.expected + 0.5))
        return (self.observed - self.expected) / self.count

    def levels(self, kind: SignalKind) -> RecentLevels | None:
        """Of what was seen and of what was expected; None without answers."""
        if self.count <= 0.0:
            return None
        seen, expected = self.observed / self.count, self.expected / self.count
        if kind is SignalKind.LOG:
            seen, expected = _ratio(seen), _ratio(expected)
        return RecentLevels(self.count, seen, expected)

    def effect(self, kind: SignalKind, started_step: int, alpha: float = ALPHA) -> DriftEffect | None:
        """The ratio and its interval; None without answers.

        The start was picked by looking at the data. So its interval is one of many that hold together: that of start
        ``j`` has the share ``1 / (j (j + 1))`` of alpha, and all shares add up to 1. Half of it is for the reference,
        an interval of the normal distribution, and half for the answers, [W24] equation 9 (``half_width``).

        Args: started_step: which step of the series it was, from 1 on.
        """
        if self.count <= 0.0:
            return None
        share = alpha / (started_step * (started_step + 1.0)) / 2.0
        reference = -NormalDist().inv_cdf(share / 2.0) * self.errors / self.count
        answers = float(half_width(self.count, self._variance(kind), _PLANNED, share))
        if kind is SignalKind.LOG:
            middle = self.log_ratio(kind)
            return DriftEffect(*map(_ratio, (middle, middle - answers - reference, middle + answers + reference)))
        level, rate = max(self.expected / self.count, math.ulp(1.0)), self.observed / self.count
        low, high = max(rate - answers, 0.0) / level, min(rate + answers, 1.0) / level
        return DriftEffect(rate / level, low * _ratio(-reference), high * _ratio(reference))

    def _variance(self, kind: SignalKind) -> float:
        if kind is SignalKind.RATE:
            rate = (self.observed + 0.5) / (self.count + 1.0)
            return rate * (1.0 - rate)
        mean = (self.observed - self.expected) / self.count
        return max(self.squares / self.count - mean * mean, 0.0)

    def as_json(self) -> dict[str, Any]:
        """Its sums."""
        return asdict(self)


def _ratio(log_ratio: float) -> float:
    return math.exp(min(max(log_ratio, -_LOG_RATIO_MAX), _LOG_RATIO_MAX))
