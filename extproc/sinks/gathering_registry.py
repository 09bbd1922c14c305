"""The registry of one process: makes metrics, and bounds the labels that have ever new values.

Updates are accumulated (see ``gathered``) and handed to the library when the registry is read. Label values from
requests are bounded: beyond ``label_values_max`` distinct values, or if too long, a value counts as ``other``. A value
that was idle for an hour makes room. Its series end like those of a process that exits: if it returns, they restart at
0, which Prometheus handles as a counter reset. Files that several workers share cannot shrink: there its series stay
(see ``worker_metrics`` for what the page shows), and the distinct values over a worker's lifetime are bounded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Set
from functools import partial
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.metrics_core import Metric

from extproc.domain.record import VersionFacts
from extproc.sinks.bounded_labels import BoundedLabels
from extproc.sinks.gathered import (
    BulkHistogram,
    ForgettingCounter,
    GatheredCounter,
    GatheredHistogram,
    GatheredRates,
    Labels,
)

NO_VERSION: Final = "none"
VERSION_LABELS: Final = ("model", "version", "fingerprint")
BOUNDED: Final = ("team", "project", "fingerprint")
"""Labels with ever new values: those of requests, and the revisions of versions."""
ADMITTED_FACTOR_MAX: Final = 100
"""Where series are permanent: distinct values over the lifetime of a process, as a multiple of ``label_values_max``."""
_GatheredT = TypeVar("_GatheredT", GatheredCounter, GatheredHistogram, GatheredRates)
_Gathered = GatheredCounter | GatheredHistogram | GatheredRates


class _FlushedRegistry(CollectorRegistry):
    """A registry that flushes accumulated updates before it is read."""

    def __init__(self, flush: Callable[[], None]) -> None:
        super().__init__()
        self._flush = flush

    def collect(self) -> Iterable[Metric]:
        self._flush()
        return super().collect()


class GatheringRegistry:
    """Makes metrics whose updates are accumulated.

    Args: forgets: False for a process that counts in files, which cannot shrink.
    Attributes:
        library: the registry that is read.
        lock: held while a metric is updated: large messages run in threads.
    """

    def __init__(self, label_values_max: int, *, forgets: bool) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each one, that nobody reads
        self.library: CollectorRegistry = _FlushedRegistry(self.flush)
        self.lock = threading.RLock()  # reentrant: a destructor may log and count a dropped line while it is held
        self._gathered: list[_Gathered] = []
        self._before_flush: list[Callable[[], None]] = []
        admitted_max = None if forgets else ADMITTED_FACTOR_MAX * label_values_max
        self.teams = BoundedLabels(label_values_max, partial(self._forget, "team"), admitted_max)
        self.projects = BoundedLabels(label_values_max, partial(self._forget, "project"), admitted_max)
        self._fingerprints = BoundedLabels(label_values_max, partial(self._forget, "fingerprint"), admitted_max)
        self._forgets = forgets
        self._forgetting: dict[str, list[_Gathered]] = {label: [] for label in BOUNDED}

    def counter(self, name: str, text: str, labels: tuple[str, ...]) -> GatheredCounter:
        """A counter."""
        return self._kept(GatheredCounter(ForgettingCounter(name, text, labels, registry=self.library)), labels)

    def histogram(self, name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> GatheredHistogram:
        """A histogram."""
        made = BulkHistogram(name, text, labels, buckets=buckets, registry=self.library)
        return self._kept(GatheredHistogram(made, buckets), labels)

    def rates(
        self, hits: tuple[str, str], judged: tuple[str, str], labels: tuple[str, ...], kinds: tuple[str, ...]
    ) -> GatheredRates:
        """Two counters. Args: hits, judged: name and text of each; labels: the last one is the kind."""
        made = [ForgettingCounter(name, text, labels, registry=self.library) for name, text in (hits, judged)]
        return self._kept(GatheredRates(made[0], made[1], kinds), labels)

    def version_labels(self, version: VersionFacts | None, now_ns: int) -> Labels:
        """The values of ``VERSION_LABELS``."""
        if version is None:
            return (NO_VERSION, NO_VERSION, NO_VERSION)
        return (version.model, version.version, self._fingerprints.bound(version.fingerprint, now_ns))

    def before_flush(self, count: Callable[[], None]) -> None:
        """Let ``count`` update metrics before they are handed over, with the lock held."""
        self._before_flush.append(count)

    def flush(self) -> None:
        """Hand accumulated updates to the library. Reading the registry does so too."""
        with self.lock:
            for count in self._before_flush:
                count()
            taken = [series.take() for series in self._gathered]
        for hand_over in taken:
            hand_over()

    def _kept(self, gathered: _GatheredT, labels: tuple[str, ...]) -> _GatheredT:
        self._gathered.append(gathered)
        for label in BOUNDED if self._forgets else ():
            if label in labels:
                self._forgetting[label].append(gathered)
        return gathered

    def _forget(self, label: str, values: Set[str]) -> None:
        for gathered in self._forgetting[label]:
            gathered.forget(label, values)
