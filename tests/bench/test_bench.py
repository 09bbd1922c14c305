"""What the benchmark computes, without running it."""

from __future__ import annotations

import json
import os
import time
from xml.etree import ElementTree

import pytest

from extproc._pb import ext_proc_pb2 as pb
from tests.bench.figures import ratios, raw_figures, slower
from tests.bench.loads import Sample, loads
from tests.bench.noop_processor import REPLIES
from tests.bench.picture import added_latency
from tests.bench.processes import cpu_seconds
from tests.bench.subjects import ENVOY, GO_NOOP, ours_full, ours_noop


def sample(cpu_us: float, p50_ms: float = 1.0, p99_ms: float = 2.0) -> Sample:
    """A measurement of which only some figures matter."""
    return Sample(100, 0, "", cpu_us, 50.0, 4.0, 1_000.0, p50_ms, p99_ms, p50_ms)


def test_a_figure_is_the_median_of_its_rounds_beside_their_spread() -> None:
    """One slow round moves the spread, and not the figure."""
    raw = raw_figures({(GO_NOOP, "json_1k", 8): [sample(100), sample(900), sample(110)]})
    name = "cpu_us.grpc_go_noop.json_1k.c8"
    assert (raw[name], raw[f"{name}.min"], raw[f"{name}.max"]) == (110, 100, 900)


def test_ratios_compare_medians_of_one_run() -> None:
    """Ours divided by grpc-go's no-op, and latency less that of Envoy alone."""
    raw = raw_figures(
        {
            (ENVOY, "json_1k", 8): [sample(80, p50_ms=1.0, p99_ms=2.0)],
            (GO_NOOP, "json_1k", 8): [sample(100)],
            (ours_noop("fast"), "json_1k", 8): [sample(40)],
            (ours_full("fast"), "json_1k", 8): [sample(150, p50_ms=1.5, p99_ms=4.0)],
        }
    )
    found = ratios(raw, "fast", loads(full=False))
    expected = {"noop_vs_go": 0.4, "full_json_vs_go_noop": 1.5, "added_p50_ms": 0.5, "added_p99_ms": 2.0}
    assert found == pytest.approx(expected)  # and nothing of what was not measured


@pytest.mark.parametrize(("long_us", "growth"), [(100 + 2_000 * 10, 1.0), (100 + 2_000 * 20, 2.0)])
def test_growth_compares_events_and_not_what_every_request_costs(long_us: float, growth: float) -> None:
    """100 us a request and 10 us an event: longer streams may not hide dearer events behind the fixed part."""
    full = ours_full("fast")
    raw = raw_figures(
        {
            (full, "json_1k", 8): [sample(100)],
            (full, "stream_100", 8): [sample(100 + 100 * 10)],
            (full, "stream_2000", 8): [sample(long_us)],
        }
    )
    assert ratios(raw, "fast", loads(full=False))["event_cost_growth"] == pytest.approx(growth)


def test_only_what_is_slower_by_more_than_the_noise_is_called_slower() -> None:
    """A figure that the baseline does not have is not judged."""
    now = {"noop_vs_go": 0.6, "full_json_vs_go_noop": 1.05, "event_cost_growth": 9.0}
    assert slower(now, {"noop_vs_go": 0.4, "full_json_vs_go_noop": 1.0}) == {"noop_vs_go": pytest.approx(1.5)}


@pytest.mark.parametrize("kind", REPLIES)
def test_both_no_ops_send_the_same_bytes(kind: str) -> None:
    """The Go program writes field n-1, empty, for a message that is field n; so does ours."""
    number = pb.ProcessingRequest.DESCRIPTOR.fields_by_name[kind].number
    (reply,) = REPLIES[kind].messages
    assert reply.SerializeToString() == bytes([(number - 1) << 3 | 2, 0])


def test_requests_have_the_size_that_they_are_named_after() -> None:
    """And are JSON."""
    sizes = {load.name: len(load.body) for load in loads(full=True) if json.loads(load.body)}
    assert (sizes["json_1k"], sizes["json_4k"], sizes["stream_100"]) == (1_024, 4_096, 1_024)


def test_the_picture_is_well_formed_and_names_its_subjects() -> None:
    """Also where a subject was as quick as Envoy alone, which a logarithmic scale has no place for."""
    raw = raw_figures({(name, "json_1k", 8): [sample(1)] for name in (ENVOY, GO_NOOP)})
    svg = ElementTree.fromstring(added_latency(raw, ["json_1k", "json_4k"], {ENVOY: "Envoy", GO_NOOP: "a < b"}))
    texts = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert "a < b" in texts
    assert "0.00 / 0.00" in texts


def test_cpu_time_is_that_of_the_process() -> None:
    """Grows with what the process does, by the kernel's count."""
    before, wanted = cpu_seconds(os.getpid()), time.process_time() + 0.1
    while time.process_time() < wanted:
        pass
    assert cpu_seconds(os.getpid()) - before == pytest.approx(0.1, abs=0.05)
