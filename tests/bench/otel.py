"""What spans cost an exchange: CPU of the event loop, and of the thread that sends them."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from random import getrandbits

from extproc.config.otel import Otel
from extproc.domain.record import ExchangeRecord
from extproc.domain.trace_context import WorkTimes
from extproc.exchange.events import NO_CHANGES
from extproc.exchange.trace_contexts import SEED_BITS, begin_trace, forwarded_span, tracing_terms
from extproc.tracing.sink import OtelSink
from tests.bench.figures import Figures
from tests.bench.subjects import Places
from tests.unit.tracing.collector import collecting
from tests.unit.tracing.records import Counted, ended

ROUNDS, EXCHANGES, EVENTS = 20, 100, 20
_HEADERS = {
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "tracestate": "vendor=1",
}
_TERMS = tracing_terms(1.0, forwards=True, keeps_texts=False)


def measure_otel(_places: Places | None = None) -> Figures:
    """``otel_us`` of the loop, ``otel_thread_us`` of the thread, an exchange [us]: all sampled, metrics too."""
    loop_us, thread_us = [], []
    with collecting() as collector:
        terms = Otel(endpoint=collector.endpoint, metrics=True, metrics_interval_ms=3_600_000)
        sink = OtelSink(terms, Path(), 100, Counted(), Counted(), threaded=False)
        for _ in range(ROUNDS):
            records = [ended() for _ in range(EXCHANGES)]
            started_ns = time.thread_time_ns()
            for record in records:
                _in_path(record, sink)
            ended_ns = time.thread_time_ns()
            sink.turn()
            loop_us.append((ended_ns - started_ns) / 1_000 / EXCHANGES)
            thread_us.append((time.thread_time_ns() - ended_ns) / 1_000 / EXCHANGES)
            collector.traces.clear()
        sink.close()
    return {"otel_us": statistics.median(loop_us), "otel_thread_us": statistics.median(thread_us)}


def _in_path(record: ExchangeRecord, sink: OtelSink) -> None:
    """What the path does for the span of a stream of some events."""
    begin_trace(record, _HEADERS, getrandbits(SEED_BITS), _TERMS)
    forwarded_span(NO_CHANGES, record.trace, _TERMS)
    work = record.work = WorkTimes()
    work.add_request(time.monotonic_ns(), time.monotonic_ns(), 1)
    for _ in range(EVENTS):
        work.add_response(time.monotonic_ns(), time.monotonic_ns(), 1)
    sink.exchange_ended(record)
