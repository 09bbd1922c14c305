"""Rates from pages of metrics that were read one after the other. Pure: a clock and pages come from the caller.

A counter that is smaller than before began again at 0, as after a restart, or as a team's does that comes back after an
hour: its increase is what it shows now. So no rate is ever negative.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf, isfinite
from typing import Final

from extproc.cli.operations_pages import Samples

PAGES_MAX: Final = 11
"""Rates are over the time between so many pages: a few seconds, in which a person sees a change."""

CounterSeries = tuple[str, tuple[tuple[str, str], ...]]
"""Name and labels, in the order of their names."""
CounterValues = Mapping[CounterSeries, float]


def counters_of(samples: Samples) -> dict[CounterSeries, float]:
    """The values that only grow, of a page: counters, and what histograms count."""
    endings = ("_total", "_bucket", "_count", "_sum")
    return {
        (name, tuple(sorted(labels.items()))): value
        for name, found in samples.items()
        if name.endswith(endings)
        for labels, value in found
        if isfinite(value) and value >= 0
    }


def increase(before: float, after: float) -> float:
    """By how much a counter grew."""
    return after - before if after >= before else after


def increases(before: CounterValues, after: CounterValues) -> dict[CounterSeries, float]:
    """Of each counter that grew. One that is new began at 0."""
    grown = ((series, increase(before.get(series, 0.0), value)) for series, value in after.items())
    return {series: by for series, by in grown if by > 0}


@dataclass(slots=True)
class RateWindow:
    """What happened between the last pages."""

    _last: tuple[float, CounterValues] | None = None
    _steps: deque[tuple[float, CounterValues]] = field(default_factory=lambda: deque(maxlen=PAGES_MAX - 1))

    def add(self, at_s: float, counters: CounterValues) -> None:
        """Add a page. Args: at_s: when it was read, by a clock that only goes forward."""
        if self._last is not None:
            last_s, before = self._last
            self._steps.append((max(at_s - last_s, 0.0), increases(before, counters)))
        self._last = (at_s, counters)

    @property
    def seconds(self) -> float:
        """How long it is; 0 before the second page."""
        return sum(seconds for seconds, _ in self._steps)

    def recent(self) -> dict[CounterSeries, float]:
        """By how much counters grew in it."""
        grown: dict[CounterSeries, float] = {}
        for _, step in self._steps:
            for series, by in step.items():
                grown[series] = grown.get(series, 0.0) + by
        return grown


def quantile(counts: Iterable[tuple[float, float]], share: float) -> float | None:
    """A quantile of a histogram; None if it counted nothing.

    As Prometheus does it: even within a bucket; of the last one, which has no end, its beginning.

    Args: counts: upper bound of each bucket, and how many values are below it.
    """
    buckets = [(0.0, 0.0)]
    for bound, below in sorted(counts):
        buckets.append((bound, max(below, buckets[-1][1])))  # each bucket may have begun again on its own
    total = buckets[-1][1]
    if total <= 0:
        return None
    rank = share * total
    for (lower, before), (upper, below) in pairwise(buckets):
        if below >= rank and below > before:
            return lower if upper == inf else lower + (upper - lower) * (rank - before) / (below - before)
    return buckets[-1][0]
