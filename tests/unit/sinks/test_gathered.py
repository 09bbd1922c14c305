"""Gathering changes when the library is told, never what it is told."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_page
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from extproc.domain.record import ExchangeRecord, Outcome, VersionFacts
from extproc.domain.trace_context import TraceContext
from extproc.domain.usage import Prices, Usage
from extproc.sinks.exchange_metrics import RESPONSE_TOKEN_BUCKETS, SECONDS_BUCKETS
from extproc.sinks.gathered import BulkHistogram, ForgettingCounter, GatheredCounter, GatheredHistogram, Labels
from extproc.sinks.metrics import STEP_SECONDS_BUCKETS, Metrics
from tests.hangs import HANG_S

LABELS = ("model", "version")
BOUNDS = (0.25, 1.0, 4.0)
FLUSH = "flush"
Operation = tuple[str, Labels, float]

# Sums of eighths are exact, so that pages can be compared as bytes, whatever was added up first.
EIGHTHS = st.integers(0, 64).map(lambda number: number / 8)
CHILDREN = st.tuples(st.sampled_from(("tiny", "large", "")), st.sampled_from(("v1", "v2")))
OPERATIONS = st.lists(
    st.tuples(st.just("count"), CHILDREN, EIGHTHS)
    | st.tuples(st.just("observe"), CHILDREN, EIGHTHS | st.sampled_from(BOUNDS))
    | st.just((FLUSH, ("", ""), 0.0)),
    max_size=40,
)


@pytest.fixture(autouse=True, scope="module")
def no_times_of_making() -> None:
    """Series that tell when another was made differ between any two registries."""
    disable_created_metrics()  # type: ignore[no-untyped-call]


class Gathering:
    """One counter and one histogram that are gathered, on a registry of their own."""

    def __init__(self, bounds: tuple[float, ...] = BOUNDS) -> None:
        self.registry = CollectorRegistry()
        self.counter = GatheredCounter(ForgettingCounter("adds", "Amounts.", LABELS, registry=self.registry))
        made = BulkHistogram("seen", "Values.", LABELS, buckets=bounds, registry=self.registry)
        self.histogram = GatheredHistogram(made, bounds)

    def flush(self) -> None:
        """Hand over what both have gathered."""
        self.counter.take()()
        self.histogram.take()()


def gathered(operations: list[Operation]) -> bytes:
    """The page when all is gathered, and flushed where it is said and at the end."""
    gathering = Gathering()
    for what, labels, amount in operations:
        if what == FLUSH:
            gathering.flush()
        elif what == "count":
            gathering.counter.add(labels, amount)
        else:
            gathering.histogram.add(labels, amount)
    gathering.flush()
    return generate_latest(gathering.registry)


def counted_directly(operations: list[Operation]) -> bytes:
    """The page when the library is told of each amount and observation at once."""
    registry = CollectorRegistry()
    counter = Counter("adds", "Amounts.", LABELS, registry=registry)
    histogram = Histogram("seen", "Values.", LABELS, buckets=BOUNDS, registry=registry)
    for what, labels, amount in operations:
        if what == "count":
            counter.labels(*labels).inc(amount)
        elif what == "observe":
            histogram.labels(*labels).observe(amount)
    return generate_latest(registry)


@given(OPERATIONS)
def test_the_page_is_the_one_of_counting_directly(operations: list[Operation]) -> None:
    """The law: in whatever order, with flushes anywhere between."""
    assert gathered(operations) == counted_directly(operations)


@pytest.mark.parametrize("bounds", [RESPONSE_TOKEN_BUCKETS, SECONDS_BUCKETS, STEP_SECONDS_BUCKETS])
def test_a_value_at_a_bound_is_in_the_buckets_that_the_library_puts_it_in(bounds: tuple[float, ...]) -> None:
    """And its neighbours on both sides: the buckets that are in use, each value on a child of its own."""
    gathering, registry = Gathering(bounds), CollectorRegistry()
    direct = Histogram("seen", "Values.", LABELS, buckets=bounds, registry=registry)
    for bound in bounds:
        for value in (math.nextafter(bound, 0), bound, math.nextafter(bound, math.inf)):
            gathering.histogram.add((repr(value), "v1"), value)
            direct.labels(repr(value), "v1").observe(value)
    gathering.flush()
    told, expected = (
        [line for line in generate_latest(each).splitlines() if line.startswith(b"seen_")]
        for each in (gathering.registry, registry)
    )
    assert told == expected
    assert len(told) == 3 * len(bounds) * (len(bounds) + len(("inf", "count", "sum")))


def test_the_last_sampled_span_of_a_bucket_is_its_exemplar() -> None:
    """Also of one that was handed over before; an observation that is not sampled leaves it as it is."""
    gathering, child = Gathering(), ("tiny", "v1")
    sampled, other = (
        TraceContext(0xA, 0xB, 0, sampled=True, state=""),
        TraceContext(0xC, 0xD, 0, sampled=True, state=""),
    )
    bounds = sorted(BOUNDS)
    gathering.histogram.add(child, bounds[0] / 2, other)
    gathering.histogram.add(child, bounds[0] / 4, sampled)
    gathering.flush()
    gathering.histogram.add(child, bounds[0] / 2, other._replace(sampled=False))
    gathering.histogram.add(child, bounds[0] / 2)
    gathering.histogram.add(child, bounds[-1] * 2, other)
    gathering.flush()
    page = openmetrics_page(gathering.registry).decode()  # type: ignore[no-untyped-call]
    linked = {
        sample.labels["le"]: (sample.exemplar.labels["trace_id"][-1], sample.exemplar.value)
        for family in text_string_to_metric_families(page)  # type: ignore[no-untyped-call]
        for sample in family.samples
        if sample.exemplar is not None
    }
    assert linked == {str(float(bounds[0])): ("a", bounds[0] / 4), "+Inf": ("c", bounds[-1] * 2)}


def test_an_amount_of_0_makes_the_child_appear() -> None:
    """An alert needs the zero before the first one."""
    gathering = Gathering()
    gathering.counter.add(("tiny", "v1"), 0)
    assert gathering.registry.get_sample_value("adds_total", {"model": "tiny", "version": "v1"}) is None
    gathering.flush()
    assert gathering.registry.get_sample_value("adds_total", {"model": "tiny", "version": "v1"}) == 0


def test_two_takes_hand_each_amount_over_once() -> None:
    """Whichever is handed over first; what comes after a take belongs to the next one."""
    gathering, labels = Gathering(), {"model": "tiny", "version": "v1"}
    gathering.counter.add(("tiny", "v1"), 2)
    gathering.histogram.add(("tiny", "v1"), 0.5)
    first = gathering.counter.take(), gathering.histogram.take()
    gathering.counter.add(("tiny", "v1"), 5)
    gathering.histogram.add(("tiny", "v1"), 8.0)
    second = gathering.counter.take(), gathering.histogram.take()

    def sums() -> tuple[float | None, float | None, float | None]:
        value = gathering.registry.get_sample_value
        return value("adds_total", labels), value("seen_sum", labels), value("seen_count", labels)

    for hand_over in second:
        hand_over()
    assert sums() == (5, 8.0, 1)
    for hand_over in first:
        hand_over()
    assert sums() == (7, 8.5, 2)
    gathering.flush()
    assert sums() == (7, 8.5, 2), "nothing was left"


# --- threads -------------------------------------------------------------------------------------------------------

WRITERS = 3
ADDS_EACH = 300  # exchanges and steps; one exchange adds to nine series
ADDS_BETWEEN = 25  # after so many a thread waits until the page was read once more
SECOND_NS = 1_000_000_000
FLUSH_S = 0.02  # ample for a flush that nothing holds up
Meanwhile = Callable[[], object]


class LookedUp(str):
    """A label that has something else done whenever it is looked up: between the reading and the writing of a sum."""

    meanwhile: Meanwhile

    def __hash__(self) -> int:
        self.meanwhile()
        return super().__hash__()


def count_one(metrics: Metrics, meanwhile: Meanwhile) -> None:
    """Adds one exchange and one step; something else is done in the middle of it."""
    team = LookedUp("search")
    team.meanwhile = meanwhile
    record = ExchangeRecord("id", "rev", SECOND_NS, outcome=Outcome.COMPLETED, endpoint="chat", team=team)
    record.version = VersionFacts("tiny", "v1", "f00", Prices(1, 1, 1))
    record.usage, record.cost_micro_usd = Usage(prompt=10, completion=4), 17
    record.answers, record.ended_ns = 1, 3 * SECOND_NS
    metrics.exchange_ended(record)
    metrics.step("response_body", SECOND_NS)


SUMS = {
    "llm_requests_total": 1,
    "llm_prompt_tokens_total": 10,
    "llm_cost_micro_usd_total": 17,
    "llm_answers_total": 1,
    "llm_request_duration_seconds_count": 1,
    "llm_request_duration_seconds_sum": 2,
    "llm_extproc_step_seconds_count": 1,
    "llm_extproc_step_seconds_sum": 1,
}
"""What ``count_one`` adds."""


def sums_on(page: bytes) -> dict[str, float]:
    """The sums over all children, by the sample's name."""
    sums = dict.fromkeys(SUMS, 0.0)
    for line in page.decode().splitlines():
        name = line.partition("{")[0]
        if name in sums:
            sums[name] += float(line.rpartition(" ")[2])
    return sums


def test_a_flush_waits_for_an_add_that_has_begun() -> None:
    """What it took in the middle of one would be handed over without it."""
    metrics = Metrics(10)
    with ThreadPoolExecutor() as threads:
        count_one(metrics, lambda: wait([threads.submit(metrics.flush)], FLUSH_S))
    assert sums_on(generate_latest(metrics.registry)) == SUMS


def test_reading_the_page_while_exchanges_end_loses_and_doubles_nothing() -> None:
    """Threads count while another reads: no reading shows less than the one before, and the last shows all."""
    metrics = Metrics(10)
    done, read_again = threading.Event(), threading.Event()

    def count() -> None:
        for number in range(ADDS_EACH):
            count_one(metrics, lambda: time.sleep(0))  # the other threads' turn
            if number % ADDS_BETWEEN == 0:
                read_again.clear()
                assert read_again.wait(HANG_S), "nobody reads the page"

    def read() -> list[dict[str, float]]:
        readings = []
        while not done.is_set():
            readings.append(sums_on(generate_latest(metrics.registry)))
            read_again.set()
        return readings

    with ThreadPoolExecutor(WRITERS + 1) as threads:
        reader = threads.submit(read)
        try:
            for writer in [threads.submit(count) for _ in range(WRITERS)]:
                writer.result()
        finally:
            done.set()
        readings = reader.result()
    last = sums_on(generate_latest(metrics.registry))
    assert last == {name: WRITERS * ADDS_EACH * each for name, each in SUMS.items()}
    assert any(0 < reading["llm_requests_total"] < last["llm_requests_total"] for reading in readings)
    for before, after in itertools.pairwise([*readings, last]):
        assert all(before[name] <= after[name] for name in SUMS)
