"""Counters and histograms that accumulate in plain numbers, and reach the metrics library when the page is read.

The library takes a lock per update, which costs several times the update itself, and an exchange makes some twenty.
Data between two readings is bounded by the number of series, as in the library. Nothing here locks: the owner of the
series does, around ``add`` and ``take``.
"""

from __future__ import annotations

import contextlib
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from operator import add

from prometheus_client import Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.samples import Exemplar

from extproc.domain.trace_context import TraceContext

Labels = tuple[str, ...]
HandOver = Callable[[], None]


class _Forgetting(MetricWrapperBase):
    """A metric whose children can be removed in bulk."""

    def forget(self, label: str, values: Set[str]) -> None:
        """Remove the children with any of these values of a label."""
        at = self._labelnames.index(label)
        with self._lock:
            for labels in [labels for labels in self._metrics if labels[at] in values]:
                del self._metrics[labels]


class ForgettingCounter(_Forgetting, Counter):
    """A counter whose children can be removed in bulk."""


class BulkHistogram(_Forgetting, Histogram):
    """A histogram that takes many observations at once, and whose children can be removed in bulk."""

    def add(self, counts: list[int], total: float, examples: Mapping[int, tuple[TraceContext, float]]) -> None:
        """Add ``counts`` of observations per bucket, the last one unbounded, and the ``total`` of their values.

        Args: examples: by bucket, a span in which a value of it was observed, and the value.
        """
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)
        for place, (trace, value) in examples.items():
            labels = {"trace_id": f"{trace.trace_id:032x}", "span_id": f"{trace.span_id:016x}"}
            self._buckets[place].set_exemplar(Exemplar(labels, value, time.time()))


class GatheredCounter:
    """A counter's children, by their label values."""

    __slots__ = ("_counter", "_pending")

    def __init__(self, counter: ForgettingCounter) -> None:
        self._counter = counter
        self._pending: dict[Labels, float] = {}

    def add(self, labels: Labels, amount: float = 1) -> None:
        """Count; an amount of 0 creates the child."""
        pending = self._pending
        pending[labels] = pending.get(labels, 0) + amount

    def take(self) -> HandOver:
        """Take the accumulated counts, to hand them to the library once."""
        pending, self._pending = self._pending, {}

        def hand_over() -> None:
            for labels, amount in pending.items():
                with contextlib.suppress(OSError):  # metric files on a full disk: no new children
                    (self._counter.labels(*labels) if labels else self._counter).inc(amount)

        return hand_over

    def forget(self, label: str, values: Set[str]) -> None:
        """Remove the children with any of these values of a label, and their accumulated counts."""
        at = self._counter._labelnames.index(label)
        self._pending = {labels: amount for labels, amount in self._pending.items() if labels[at] not in values}
        self._counter.forget(label, values)


class _Observations:
    """Accumulated observations of one child."""

    __slots__ = ("counts", "examples", "total")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        self.total = 0.0
        self.examples: dict[int, tuple[TraceContext, float]] = {}


class GatheredHistogram:
    """A histogram's children, by label values. ``bounds`` are the upper bounds of its buckets."""

    __slots__ = ("_bounds", "_histogram", "_pending")

    def __init__(self, histogram: BulkHistogram, bounds: tuple[float, ...]) -> None:
        self._histogram = histogram
        self._bounds = bounds
        self._pending: dict[Labels, _Observations] = {}

    def add(self, labels: Labels, value: float, trace: TraceContext | None = None) -> None:
        """Count one observation. Args: trace: the span it is of, which is the exemplar of its bucket if sampled."""
        seen = self._observations(labels)
        place = bisect_left(self._bounds, value)
        seen.counts[place] += 1
        seen.total += value
        if trace is not None and trace.sampled:
            seen.examples[place] = trace, value

    def add_all(self, labels: Labels, values: Iterable[float]) -> None:
        """Count observations."""
        seen, bounds = self._observations(labels), self._bounds
        for value in values:
            seen.counts[bisect_left(bounds, value)] += 1
            seen.total += value

    def _observations(self, labels: Labels) -> _Observations:
        seen = self._pending.get(labels)
        if seen is None:
            seen = self._pending[labels] = _Observations(len(self._bounds) + 1)
        return seen

    def take(self) -> HandOver:
        """Like ``GatheredCounter.take``."""
        pending, self._pending = self._pending, {}

        def hand_over() -> None:
            for labels, seen in pending.items():
                with contextlib.suppress(OSError):
                    child = self._histogram.labels(*labels) if labels else self._histogram
                    child.add(seen.counts, seen.total, seen.examples)

        return hand_over

    def forget(self, label: str, values: Set[str]) -> None:
        """Like ``GatheredCounter.forget``."""
        at = self._histogram._labelnames.index(label)
        self._pending = {labels: seen for labels, seen in self._pending.items() if labels[at] not in values}
        self._histogram.forget(label, values)


class GatheredRates:
    """Two counters with a label more than is counted by: of each kind, how many were so, and how many were judged.

    Args: kinds: the values of the last label.
    """

    __slots__ = ("_hits", "_judged", "_kinds", "_pending")

    def __init__(self, hits: ForgettingCounter, judged: ForgettingCounter, kinds: tuple[str, ...]) -> None:
        self._hits = hits
        self._judged = judged
        self._kinds = kinds
        self._pending: dict[Labels, tuple[list[int], list[int]]] = {}

    def add(self, labels: Labels, hits: Sequence[int], judged: Sequence[int]) -> None:
        """Count, by kind. Args: labels: all but the last."""
        seen = self._pending.get(labels)
        if seen is None:
            self._pending[labels] = list(hits), list(judged)
            return
        all_hits, all_judged = seen
        all_judged[:] = map(add, all_judged, judged)
        if any(hits):
            all_hits[:] = map(add, all_hits, hits)

    def take(self) -> HandOver:
        """Like ``GatheredCounter.take``."""
        pending, self._pending = self._pending, {}

        def hand_over() -> None:
            for labels, (hits, judged) in pending.items():
                for kind, so, of in zip(self._kinds, hits, judged, strict=True):
                    if of:
                        with contextlib.suppress(OSError):
                            self._judged.labels(*labels, kind).inc(of)
                            self._hits.labels(*labels, kind).inc(so)  # 0 too: the series has a rate from then on

        return hand_over

    def forget(self, label: str, values: Set[str]) -> None:
        """Like ``GatheredCounter.forget``."""
        at = self._hits._labelnames.index(label)
        self._pending = {labels: seen for labels, seen in self._pending.items() if labels[at] not in values}
        for counter in (self._hits, self._judged):
            counter.forget(label, values)
