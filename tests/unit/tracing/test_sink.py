"""A collector that hangs, fails or is gone: nothing waits for it, and what is lost is counted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from extproc.config.otel import Otel
from extproc.server.sockets.free_ports import free_ports
from extproc.tracing.sink import BATCH_MAX, BATCH_WITH_TEXTS_MAX, OtelSink
from extproc.tracing.spans import SpanMaker
from tests.hangs import HANG_S
from tests.unit.tracing.collector import collecting, values
from tests.unit.tracing.records import Counted, ended

FAILS = "the collector does not take spans: they are dropped and counted"
RECOVERED = "the collector takes spans again"


@contextmanager
def opened(counted: Counted, endpoint: str, *, threaded: bool = False, **terms: Any) -> Iterator[OtelSink]:
    """A sink, without a thread unless asked for."""
    section = Otel(endpoint=endpoint, timeout_ms=terms.pop("timeout_ms", 300), **terms)
    sink = OtelSink(section, Path(), 100, counted, counted, threaded=threaded)
    try:
        yield sink
    finally:
        sink.close()


def wait_until(condition: Any) -> None:
    """Wait for another thread."""
    waited = threading.Event()
    for _ in range(int(HANG_S / 0.02)):
        if condition():
            return
        waited.wait(0.02)
    raise TimeoutError("it did not come")


def test_spans_arrive_in_batches() -> None:
    """None is lost, and none comes twice."""
    counted = Counted()
    with collecting() as collector, opened(counted, collector.endpoint) as sink:
        for number in range(BATCH_MAX + 1):
            sink.exchange_ended(ended(id=f"id-{number}"))
        sink.turn()
        assert len(collector.traces) == 2
        names = [values(span.attributes).get("llm_extproc.exchange.id") for span in collector.spans]
        assert {name for name in names if name} == {f"id-{number}" for number in range(BATCH_MAX + 1)}
        assert len(collector.spans) == 3 * (BATCH_MAX + 1)
    assert counted.exported == {("traces", "ok"): 2}
    assert counted.lost == {}


def test_texts_make_batches_small() -> None:
    """A collector takes 4 MiB in one message: texts of an exchange may have a hundredth of that."""
    counted = Counted()
    with collecting() as collector, opened(counted, collector.endpoint, texts=True) as sink:
        for number in range(BATCH_WITH_TEXTS_MAX + 1):
            sink.exchange_ended(ended(id=f"id-{number}", texts={"request.user.content": "word " * 2_000}))
        sink.turn()
        assert len(collector.traces) == 2
        assert all(message.ByteSize() < 2**21 for message in collector.traces)


def test_texts_kept_for_the_log_do_not_reach_spans() -> None:
    """``log.texts`` alone once put them there."""
    counted = Counted()
    with collecting() as collector, opened(counted, collector.endpoint) as sink:
        sink.exchange_ended(ended(texts={"request.user.content": "a lake in May"}))
        sink.turn()
        assert collector.spans
        assert not any(b"a lake in May" in message.SerializeToString() for message in collector.traces)


def test_what_does_not_fit_in_the_queue_is_dropped_and_counted() -> None:
    """And nothing waits."""
    counted = Counted()
    with collecting() as collector, opened(counted, collector.endpoint, waiting_max=2) as sink:
        for _ in range(5):
            sink.exchange_ended(ended())
        assert counted.lost == {"full": 3}
        sink.turn()
        assert len(collector.spans) == 6


def test_an_exchange_that_is_not_sampled_takes_no_place() -> None:
    """Nor one without a span."""
    counted = Counted()
    trace = ended().trace
    assert trace is not None
    with collecting() as collector, opened(counted, collector.endpoint, waiting_max=1) as sink:
        sink.exchange_ended(ended(trace=trace._replace(sampled=False)))
        sink.exchange_ended(ended(trace=None))
        sink.exchange_ended(ended(endpoint="other"))
        sink.turn()
        assert collector.traces == []
    assert counted.lost == {}


@pytest.mark.parametrize(
    "status", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAUTHENTICATED]
)
def test_a_collector_that_fails_is_told_once(status: grpc.StatusCode, caplog: pytest.LogCaptureFixture) -> None:
    """And once that it is over. Lines of the library are not in the log."""
    counted = Counted()
    with collecting() as collector, opened(counted, collector.endpoint) as sink:
        collector.answers = status
        for _ in range(3):
            sink.exchange_ended(ended())
            sink.turn()
        assert counted.lost == {"failed": 3}
        assert [event for event, _ in counted.lines] == [FAILS]
        assert counted.lines[0][1] == {"endpoint": collector.endpoint, "status": status.name}
        collector.answers = grpc.StatusCode.OK
        for _ in range(2):
            sink.exchange_ended(ended())
            sink.turn()
        assert [event for event, _ in counted.lines] == [FAILS, RECOVERED]
        assert len(collector.spans) == 6
    assert counted.exported == {("traces", "failed"): 3, ("traces", "ok"): 2}
    assert [record.name for record in caplog.records if record.name.startswith("opentelemetry")] == []


def test_a_collector_that_is_gone() -> None:
    """Nobody listens there."""
    counted = Counted()
    (port,) = free_ports(1)
    with opened(counted, f"http://127.0.0.1:{port}") as sink:
        sink.exchange_ended(ended())
        sink.turn()
    assert counted.lost == {"failed": 1}
    assert counted.lines[0][1]["status"] == "UNAVAILABLE"


def test_a_collector_that_hangs_holds_up_its_thread_alone() -> None:
    """What comes meanwhile waits, up to the limit; the end of the process does not wait for it."""
    counted = Counted()
    with collecting(set_up=lambda collector: setattr(collector, "hangs", True)) as collector:
        with opened(counted, collector.endpoint, threaded=True, waiting_max=3, timeout_ms=60_000) as sink:
            sink.exchange_ended(ended())
            wait_until(lambda: collector.asked)
            for _ in range(5):
                sink.exchange_ended(ended())
            assert counted.lost == {"full": 2}
        assert counted.lost == {"full": 2, "failed": 1, "stopped": 3}
        assert collector.traces == []
        sink.exchange_ended(ended())
        assert counted.lost["stopped"] == 4


def test_what_waits_is_sent_at_the_end() -> None:
    """Of spans and of metrics."""
    counted = Counted()
    with collecting() as collector:
        with opened(counted, collector.endpoint, threaded=True, metrics=True, timeout_ms=10_000) as sink:
            for _ in range(3):
                sink.exchange_ended(ended())
        assert len(collector.spans) == 9
        (duration,) = collector.measured["gen_ai.client.operation.duration"].histogram.data_points
        assert duration.count == 3
    assert counted.exported == {("traces", "ok"): 1, ("metrics", "ok"): 1}
    assert counted.lost == {}


def test_an_error_of_ours_ends_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted and told, without what it is about."""

    def fail(*_: object) -> None:
        raise ValueError("a text")

    counted = Counted()
    with collecting() as collector, opened(counted, collector.endpoint) as sink:
        with monkeypatch.context() as patched:
            patched.setattr(SpanMaker, "of", fail)
            sink.exchange_ended(ended())
            sink.turn()
        assert counted.lost == {"error": 1}
        assert counted.lines == [("spans failed", {"error": "ValueError"})]
        sink.exchange_ended(ended())
        sink.turn()
        assert len(collector.spans) == 3
