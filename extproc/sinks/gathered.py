"""Counters and histograms that add up in plain numbers first, and reach the metrics library when the page is read.

The library takes a lock for each number that it adds to, which costs several times what adding does, and an exchange
adds to some twenty. What is gathered between two readings is bounded by the series there are, as in the library itself.
Nothing here locks: the owner of the series does, around ``add`` and ``take``.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from collections.abc import Callable, Set

from prometheus_client import Counter, Histogram

Labels = tuple[str, ...]
HandOver = Callable[[], None]


class ForgettingCounter(Counter):
    """A counter whose children can be forgotten, many at once."""

    def forget(self, label: str, values: Set[str]) -> None:
        """Drop the children with any of these values of a label."""
        at = self._labelnames.index(label)
        with self._lock:
            for labels in [labels for labels in self._metrics if labels[at] in values]:
                del self._metrics[labels]


class BulkHistogram(Histogram):
    """A histogram that takes many observations at once."""

    def add(self, counts: list[int], total: float) -> None:
        """Add ``counts`` of observations by bucket, the last one without a bound, and the ``total`` of their values."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


class GatheredCounter:
    """A counter's children, by their label values."""

    __slots__ = ("_counter", "_pending")

    def __init__(self, counter: ForgettingCounter) -> None:
        self._counter = counter
        self._pending: dict[Labels, float] = {}

    def add(self, labels: Labels, amount: float = 1) -> None:
        """Count; an amount of 0 makes the child appear."""
        pending = self._pending
        pending[labels] = pending.get(labels, 0) + amount

    def take(self) -> HandOver:
        """What has been gathered is for the caller to hand to the library, once."""
        pending, self._pending = self._pending, {}

        def hand_over() -> None:
            for labels, amount in pending.items():
                with contextlib.suppress(OSError):  # counts in files, and a disk that is full: no new children
                    (self._counter.labels(*labels) if labels else self._counter).inc(amount)

        return hand_over

    def forget(self, label: str, values: Set[str]) -> None:
        """Drop the children with any of these values of a label, and what was gathered for them."""
        at = self._counter._labelnames.index(label)
        self._pending = {labels: amount for labels, amount in self._pending.items() if labels[at] not in values}
        self._counter.forget(label, values)


class _Observations:
    """What has been observed of one child."""

    __slots__ = ("counts", "total")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        self.total = 0.0


class GatheredHistogram:
    """A histogram's children, by their label values. ``bounds`` are the upper ends of its buckets."""

    __slots__ = ("_bounds", "_histogram", "_pending")

    def __init__(self, histogram: BulkHistogram, bounds: tuple[float, ...]) -> None:
        self._histogram = histogram
        self._bounds = bounds
        self._pending: dict[Labels, _Observations] = {}

    def add(self, labels: Labels, value: float) -> None:
        """Count one observation."""
        seen = self._pending.get(labels)
        if seen is None:
            seen = self._pending[labels] = _Observations(len(self._bounds) + 1)
        seen.counts[bisect_left(self._bounds, value)] += 1
        seen.total += value

    def take(self) -> HandOver:
        """As ``GatheredCounter.take``."""
        pending, self._pending = self._pending, {}

        def hand_over() -> None:
            for labels, seen in pending.items():
                with contextlib.suppress(OSError):
                    (self._histogram.labels(*labels) if labels else self._histogram).add(seen.counts, seen.total)

        return hand_over
