"""One metrics page for several workers, with the library's own multiprocess mode: workers count in memory-mapped files.

The counts of a dead process stay in its file, and its successor continues that file. So files do not pile up, and
nothing is counted twice. The page is the supervisor's own metrics plus the files' counters and histograms, and gauges
of type ``livesum`` (classifier queues). Other gauges (running exchanges, the revision) are the supervisor's alone.

Nothing is ever removed from a file, so no sum decreases. Of labels from requests, the page omits values that were idle
for an hour, if there are more than a process may have. A value that returns continues its old count.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from pathlib import Path

from prometheus_client import CollectorRegistry, values
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from extproc.domain.record import ExchangeRecord
from extproc.sinks.bounded_labels import LABEL_IDLE_NS
from extproc.sinks.exchange_metrics import REQUESTS
from extproc.sinks.gathering_registry import BOUNDED

_ADDED_GAUGE = "gauge_livesum"
_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
FILE_BYTES_MIN = 65_536
_VALUE_BYTES_MAX = 64  # overhead of a key: its length, padding to eight, two numbers


class AllocatedDict(MmapedDict):
    """The library's metric file, with disk blocks allocated before each write.

    Without blocks, a write on a full disk is not an error but kills the process (SIGBUS).
    """

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode:
            with open(filename, "ab") as file:
                os.posix_fallocate(file.fileno(), 0, FILE_BYTES_MIN)
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        """Add a value. Raises: OSError if the disk is full."""
        size = self._capacity
        while self._used + len(key.encode()) + _VALUE_BYTES_MAX > size:
            size *= 2
        if size > self._capacity:
            os.posix_fallocate(self._f.fileno(), 0, size)
        super()._init_value(key)  # type: ignore[no-untyped-call]


def count_in_files(folder: Path, counts_as: int) -> None:
    """Count in files from now on; called before any metric is created.

    Args: counts_as: the name of the files; existing counts are continued.
    """
    os.environ[_FOLDER_VARIABLE] = str(folder)
    values.MmapedDict = AllocatedDict  # type: ignore[attr-defined]
    values.ValueClass = values.MultiProcessValue(lambda: counts_as)  # type: ignore[no-untyped-call]


class FlushSink:
    """Flushes the counts of exchanges to the files within the same iteration of the event loop, as a process may be
    killed.

        Args: flush: hands the accumulated counts to the library.
    """

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush
        self._loop = asyncio.get_running_loop()
        self._is_due = False

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """Many exchanges of one iteration cost one flush."""
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon_threadsafe(self._write)

    def _write(self) -> None:
        self._is_due = False
        self._flush()


class IdleValues:
    """Tracks values of one label that are idle, from one reading of the page to the next."""

    def __init__(self, label: str, values_max: int, now_ns: Callable[[], int]) -> None:
        self.label = label
        self._values_max = values_max
        self._now_ns = now_ns
        self._counted: dict[str, tuple[float, int]] = {}  # and when that was first seen

    def among(self, requests: Iterable[Sample]) -> Set[str]:
        """The idle values of all workers' requests; none if there are few values."""
        totals: dict[str, float] = {}
        for sample in requests:
            value = sample.labels[self.label]
            totals[value] = totals.get(value, 0) + sample.value
        now_ns = self._now_ns()
        for value, total in totals.items():
            if self._counted.get(value, (None, 0))[0] != total:
                self._counted[value] = (total, now_ns)
        if len(totals) <= self._values_max + 1:  # plus `other`
            return frozenset()
        return {value for value, (_, since_ns) in list(self._counted.items()) if since_ns + LABEL_IDLE_NS <= now_ns}


class WorkersPage(Collector):
    """All processes' counts, in the shape of one process's metrics.

    Args:
        own: the supervisor's metrics, which define every family.
        folder: of the workers' files.
        idle: label values to omit.
    """

    def __init__(self, own: CollectorRegistry, folder: Path, idle: Sequence[IdleValues] = ()) -> None:
        self._own = own
        self._folder = folder
        self._idle = idle

    def describe(self) -> Iterable[Metric]:
        """No names to check for conflicts: it is alone in its registry."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Every family, summed up."""
        own = list(self._own.collect())  # first: it asks the workers, which then flush their counts
        counted = {family.name: family for family in self._counted()}
        hidden = {values.label: values.among(counted[REQUESTS].samples) for values in self._idle if REQUESTS in counted}
        for family in own:
            more = counted.get(family.name)
            if more is not None:
                family.samples = _added(family.samples, _shown(more.samples, hidden))
            yield family

    def _counted(self) -> Iterable[Metric]:
        files = [
            str(file)
            for kind in ("counter", "histogram", _ADDED_GAUGE)
            for file in self._folder.glob(f"{kind}_*.db")
            if file.stat().st_size  # empty: a worker is creating it
        ]
        return list(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]


def page_of(
    own: CollectorRegistry, folder: Path, values_max: int, now_ns: Callable[[], int] = time.monotonic_ns
) -> CollectorRegistry:
    """The registry for the page. Args: values_max: distinct values of a label per process."""
    registry = CollectorRegistry()
    registry.register(WorkersPage(own, folder, [IdleValues(label, values_max, now_ns) for label in BOUNDED]))
    return registry


def _shown(samples: list[Sample], hidden: Mapping[str, Set[str]]) -> list[Sample]:
    """The samples without any omitted label value."""
    if not any(hidden.values()):
        return samples
    return [one for one in samples if not any(one.labels.get(label) in values for label, values in hidden.items())]


def _added(own: list[Sample], counted: list[Sample]) -> list[Sample]:
    """Sum up samples with the same name and labels."""
    samples: dict[tuple[str, frozenset[tuple[str, str]]], Sample] = {}
    for sample in (*own, *counted):
        key = (sample.name, frozenset(sample.labels.items()))
        before = samples.get(key)
        samples[key] = sample if before is None else before._replace(value=before.value + sample.value)
    return list(samples.values())
