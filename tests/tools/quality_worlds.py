"""Answers that never were, for ``quality_sim``: sums by block, of many runs at once, with rhythms and with drifts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from extproc.statistics.arrays import Floats
from extproc.statistics.references import HOURS_A_WEEK, ExpectedValues, SignalKind, pinned, same_hours
from extproc.statistics.sums import SumArrays

ANSWERS_A_DAY = 100_000
VERSIONS = 2
STRATUM_SHARES = np.array([0.4, 0.3, 0.2, 0.1])
STRATUM_LOG_LEVELS = np.array([-0.3, 0.0, 0.2, 0.4])
RHYTHM_LOG, WEEKEND_LOG = 0.3, 0.15
"""By how much the level of a signal swings in a day, and differs on two days of a week, as log ratios."""
_FIRST_WEEKEND_HOUR = 120
_RATE_MAX = 0.9

RATES = {
    "refused": 0.02,
    "error": 0.005,
    "empty": 0.003,
    "truncated": 0.05,
    "looped": 0.002,
    "schema_invalid": 0.01,
    "finding": 0.03,
    "tool_call_invalid": 0.015,
    "aborted": 0.04,
}
LOG_SDS = {
    "completion_tokens": 0.8,
    "prompt_tokens": 1.0,
    "first_token": 0.8,
    "time_per_token": 0.3,
    "duration": 0.7,
    "cost": 1.2,
}
"""Signals with their rate, or the standard deviation of their logarithm: fifteen."""
SERIES = VERSIONS * (len(RATES) + len(LOG_SDS))


class Draw(NamedTuple):
    """What answers are drawn from, in the last axis by stratum. ``level``: the rate, or the mean logarithm."""

    kind: SignalKind
    level: Floats
    sd: Floats

    def block(self, chance: np.random.Generator, count: Floats) -> SumArrays:
        """Sums of so many answers."""
        if self.kind is SignalKind.RATE:
            events = chance.binomial(count.astype(np.int64), self.level).astype(np.float64)
            return SumArrays(count, events, events)
        totals = count * self.level + np.sqrt(count) * self.sd * chance.standard_normal(count.shape)
        spread = self.sd**2 * np.where(count > 1, chance.chisquare(np.maximum(count - 1, 1)), 0.0)
        return SumArrays(count, totals, spread + totals**2 / np.maximum(count, 1))


@dataclass(frozen=True, slots=True)
class Apart:
    """How hours and weeks differ from last week's without any drift, as standard deviations of logarithms."""

    hours: float = 0.1
    weeks: float = 0.0


@dataclass(slots=True)
class Weeks:
    """All signals of a kind, over hours: by run, version, signal and stratum. ``rhythm``: of traffic and of levels."""

    kind: SignalKind
    runs: int
    chance: np.random.Generator
    rhythm: bool = True
    apart: Apart = field(default_factory=Apart)
    only: str | None = None  # a signal
    _week: SumArrays = field(init=False)  # of the week before, by hour
    _phases: Floats = field(init=False)

    def __post_init__(self) -> None:
        """The week before the first."""
        self._phases = self.chance.uniform(0, 2 * np.pi, (self.runs, 1, len(self._bases), 1))
        self._week = _stacked([self._draw(hour, 0.0).block(self.chance, self._count(hour, 60)) for hour in _hours()])

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a block."""
        return (self.runs, VERSIONS, len(self._bases), len(STRATUM_SHARES))

    def pinned(self) -> ExpectedValues:
        """The week before, as a reference without hours."""
        return pinned(self.kind, _total(self._week))

    def hours(self, hours: int, block_minutes: int) -> Iterator[tuple[ExpectedValues, list[SumArrays]]]:
        """Hour by hour what last week says of it, and its blocks."""
        for first in range(0, hours, HOURS_A_WEEK):
            total, seen, week = _total(self._week), [], self.chance.normal(0, self.apart.weeks, (*self.shape[:-1], 1))
            for hour in range(min(HOURS_A_WEEK, hours - first)):
                draw = self._draw(hour, week)
                count = self._count(hour, block_minutes)
                blocks = [
                    draw.block(self.chance, self.chance.poisson(count).astype(np.float64))
                    for _ in range(60 // block_minutes)
                ]
                yield same_hours(self.kind, self._around(hour), total), blocks
                seen.append(_total(_stacked(blocks)))
            if len(seen) == HOURS_A_WEEK:
                self._week = _stacked(seen)

    @property
    def _bases(self) -> Floats:
        known = RATES if self.kind is SignalKind.RATE else LOG_SDS
        return np.array([known[self.only]] if self.only else list(known.values()))[:, None]

    def _around(self, hour: int) -> SumArrays:
        places = [hour - 1, hour, (hour + 1) % HOURS_A_WEEK]
        return SumArrays(*(one[places].sum(axis=0) for one in _parts(self._week)))

    def _count(self, hour: int, minutes: int) -> Floats:
        mean = ANSWERS_A_DAY / 24 / 60 * minutes / VERSIONS * (traffic(hour) if self.rhythm else 1.0)
        return np.broadcast_to(mean * STRATUM_SHARES, self.shape).round(3)

    def _draw(self, hour: int, week: Floats | float) -> Draw:
        swing = np.zeros_like(self._phases)
        if self.rhythm:
            swing = RHYTHM_LOG * np.sin(hour % 24 / 24 * 2 * np.pi + self._phases) + WEEKEND_LOG * _weekend(hour)
        noise = self.chance.normal(0, self.apart.hours, (*self.shape[:-1], 1))
        logs = np.broadcast_to(swing + STRATUM_LOG_LEVELS + noise + week, self.shape)
        if self.kind is SignalKind.RATE:
            return Draw(self.kind, np.minimum(self._bases * np.exp(logs), _RATE_MAX), logs)
        return Draw(self.kind, logs, np.broadcast_to(self._bases, self.shape))


def traffic(hour: int) -> float:
    """How many answers an hour of the week has, of those of a mean one."""
    return float((1.0 + 0.8 * np.sin((hour % 24 - 9) / 24 * 2 * np.pi)) * (0.5 if _weekend(hour) else 1.2))


def _weekend(hour: int) -> bool:
    return hour % HOURS_A_WEEK >= _FIRST_WEEKEND_HOUR


def _hours() -> range:
    return range(HOURS_A_WEEK)


def _parts(sums: SumArrays) -> tuple[Floats, Floats, Floats]:
    return sums.count, sums.total, sums.squares


def _stacked(blocks: list[SumArrays]) -> SumArrays:
    count, total, squares = (np.stack(one) for one in zip(*map(_parts, blocks), strict=True))
    return SumArrays(count, total, squares)


def _total(blocks: SumArrays) -> SumArrays:
    return SumArrays(*(one.sum(axis=0) for one in _parts(blocks)))
