"""Takes ended exchanges, and exports their spans, and metrics, from a thread of its own.

On the event loop an exchange costs an entry of a queue. The thread looks at the queue some times a second, rather than
at each entry: a wake-up for each would take the interpreter's lock from the loop. A collector that hangs or fails
holds up this thread alone: what does not fit in the queue meanwhile is dropped, counted, and told once.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path
from typing import Any, Final, Protocol

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from extproc.config.otel import Otel
from extproc.domain.record import ExchangeRecord
from extproc.tracing.content import MessageMaker
from extproc.tracing.measures import Measures
from extproc.tracing.otlp import Reasons, exporter_terms, metric_exporter, resource_of, scope_of, span_exporter
from extproc.tracing.spans import SpanMaker

LOOK_S: Final = 0.1
BATCH_MAX: Final = 128
BATCH_WITH_TEXTS_MAX: Final = 16
"""Exchanges in one message: a collector takes 4 MiB unless it is told otherwise."""
CLOSE_S_MAX: Final = 2.0
"""How long the end of the process waits for the collector; metrics get as much again."""
_ABANDON_S_MAX: Final = 1.0


class OtelCounts(Protocol):
    """Where exports and drops are counted, from any thread."""

    def otel_exported(self, signal: str, result: str) -> None:
        """A batch of spans, or all metrics: ``ok`` or ``failed``."""
        ...

    def otel_dropped(self, reason: str, exchanges: int) -> None:
        """Exchanges whose spans, and measurements, are lost: ``full``, ``failed``, ``stopped``, ``error``."""
        ...


class OtelSink:
    """A sink of records.

    Args:
        folder: base of relative paths.
        label_values_max: distinct models that clients name, in metrics.
        logger: has an outage once, and its end.
    Raises: OtelUnavailable.
    """

    def __init__(
        self,
        terms: Otel,
        folder: Path,
        label_values_max: int,
        counts: OtelCounts,
        logger: Any,
        *,
        threaded: bool = True,
    ) -> None:
        self._waiting_max = terms.waiting_max
        self._counts = counts
        self._logger = logger
        self._endpoint = terms.endpoint
        self._reasons = Reasons()
        arguments = exporter_terms(terms, folder)
        resource = resource_of(terms)
        self._spans = SpanMaker(resource, scope_of(), MessageMaker() if terms.texts else None)
        self._exporter = span_exporter(arguments)
        self._batch_max = BATCH_WITH_TEXTS_MAX if terms.texts else BATCH_MAX
        self._provider: MeterProvider | None = None
        self._measures: Measures | None = None
        if terms.metrics:
            exporter = _CountedExporter(metric_exporter(arguments), counts)
            reader = PeriodicExportingMetricReader(exporter, terms.metrics_interval_ms, terms.timeout_ms)
            self._provider = MeterProvider((reader,), resource, shutdown_on_exit=False)
            scope = scope_of()
            self._measures = Measures(self._provider.get_meter(scope.name, scope.version), label_values_max)
        self._waiting: deque[ExchangeRecord] = deque()
        self._stopping = threading.Event()
        self._abandoned = False
        self._failing = False
        for reason in ("full", "failed", "stopped", "error"):
            counts.otel_dropped(reason, 0)
        self._thread = threading.Thread(target=self._run, name="otel", daemon=True)
        if threaded:
            self._thread.start()

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """Queue one exchange. Never blocks."""
        if self._measures is None and (record.trace is None or not record.trace.sampled):
            return
        if len(self._waiting) >= self._waiting_max or self._stopping.is_set():
            self._counts.otel_dropped("stopped" if self._stopping.is_set() else "full", 1)
            return
        self._waiting.append(record)

    def close(self) -> None:
        """Export what waits, and end; a collector that hangs holds it up for ``CLOSE_S_MAX`` twice at most."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S_MAX)
        self._abandoned = True
        self._exporter.shutdown()  # also ends a call that hangs
        if self._thread.is_alive():
            self._thread.join(_ABANDON_S_MAX)
        left = len(self._waiting)
        if left:
            self._counts.otel_dropped("stopped", left)
            self._logger.warning("spans not exported before the end", exchanges=left)
        if self._provider is not None:
            ending = threading.Thread(target=self._provider.shutdown, args=(CLOSE_S_MAX * 1_000,), daemon=True)
            ending.start()
            ending.join(CLOSE_S_MAX)
        self._reasons.close()

    # --- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_S):
            self.turn()
        self.turn()

    def turn(self) -> None:
        """Export what waits now."""
        while self._waiting and not self._abandoned:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._batch_max))]
            try:
                self._take(batch)
            except Exception as error:  # an internal error must not end the thread
                self._counts.otel_dropped("error", len(batch))
                self._logger.error("spans failed", error=type(error).__name__)

    def _take(self, batch: list[ExchangeRecord]) -> None:
        to_wall_ns = time.time_ns() - time.monotonic_ns()
        spans: list[ReadableSpan] = []
        exchanges = 0
        for record in batch:
            if self._measures is not None:
                self._measures.count(record)
            of_exchange = self._spans.of(record, to_wall_ns)
            spans += of_exchange
            exchanges += bool(of_exchange)
        if not spans:
            return
        self._reasons.last = ""
        is_taken = self._exporter.export(spans) is SpanExportResult.SUCCESS
        self._counts.otel_exported("traces", "ok" if is_taken else "failed")
        if not is_taken:
            self._counts.otel_dropped("failed", exchanges)
        self._tell(is_taken)

    def _tell(self, is_taken: bool) -> None:
        if is_taken and self._failing:
            self._logger.info("the collector takes spans again", endpoint=self._endpoint)
        elif not is_taken and not self._failing:
            reason = self._reasons.last or "unknown"
            self._logger.warning(
                "the collector does not take spans: they are dropped and counted",
                endpoint=self._endpoint,
                status=reason,
            )
        self._failing = not is_taken


class _CountedExporter(MetricExporter):
    """OtelCounts the exports of another exporter. What fails is not lost: the next one has the same sums."""

    def __init__(self, exporter: MetricExporter, counts: OtelCounts) -> None:
        super().__init__(exporter._preferred_temporality, exporter._preferred_aggregation)
        self._exporter = exporter
        self._counts = counts

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Export, and count it."""
        result = self._exporter.export(metrics_data, timeout_millis, **kwargs)
        self._counts.otel_exported("metrics", "ok" if result is MetricExportResult.SUCCESS else "failed")
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """As the other exporter."""
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """As the other exporter."""
        self._exporter.shutdown(timeout_millis, **kwargs)
