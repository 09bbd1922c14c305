"""A sample of vLLM's page, as a parser of the whole page reads it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from extproc.allocation.server_samples import UNKNOWN, ServerSample
from extproc.ledger.allocation.vllm_page import read_sample
from tests.thorough import examples

PAGE = (Path(__file__).parents[3] / "recordings" / "metrics.response.http").read_bytes().partition(b"\r\n\r\n")[2]
"""Of vLLM 0.32.0, with nothing to do; ``recordings/README.md`` tells how it was recorded."""
RECORDED = ServerSample(
    at_us=7,
    start_us=1_795_518_884_070_000,
    ready_us=1_795_518_908_681_026,
    engines=1,
    steps=5_672,
    computed=5_722,
    written=6_077,
    preemptions=0,
)


def read(page: bytes) -> ServerSample:
    """A page that is one of vLLM."""
    found = read_sample(page, 7)
    assert found is not None
    return found


def parsed(page: bytes) -> dict[str, list[tuple[dict[str, str], float]]]:
    """All values of a page by the library's parser."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def with_value(name: str, value: str, page: bytes = PAGE, labels: str = "") -> bytes:
    """The page with another value in each line of a metric."""
    pattern = rf"(?m)^({re.escape(name)}(\{{[^}}]*{re.escape(labels)}[^}}]*\}})?) .*$".encode()
    changed, lines = re.subn(pattern, rb"\g<1> " + value.encode(), page)
    assert lines
    return changed


def with_engines(engines: int) -> bytes:
    """A page of several engines: each line of the first one again."""
    lines = PAGE.split(b"\n")
    found = []
    for line in lines:
        found.append(line)
        if b'engine="0"' in line:
            found += [line.replace(b'engine="0"', f'engine="{one}"'.encode()) for one in range(1, engines)]
    return b"\n".join(found)


def test_the_page_of_a_real_server() -> None:
    """Its start took 24.6 s; it has no speculation. The steps put out what was computed and written."""
    assert read(PAGE) == RECORDED
    values = parsed(PAGE)
    assert values["process_start_time_seconds"][0][1] * 1e6 == RECORDED.start_us
    assert round((RECORDED.ready_us - RECORDED.start_us) / 1e6, 1) == 24.6
    (_, put_out), *_ = values["vllm:iteration_tokens_total_sum"]
    assert put_out == RECORDED.computed + RECORDED.written


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(st.integers(0, 1 << 50) | st.floats(0, 1e9).map(lambda one: round(one, 3)), min_size=5, max_size=5))
def test_other_numbers_are_read_as_the_library_reads_them(numbers: list[float]) -> None:
    """In any spelling of a number."""
    names = (
        "vllm:num_requests_running",
        "vllm:num_requests_waiting",
        "vllm:generation_tokens_total",
        "vllm:iteration_tokens_total_count",
        "vllm:num_preemptions_total",
    )
    page = PAGE
    for name, number in zip(names, numbers, strict=True):
        page = with_value(name, str(float(number)), page)
    values = parsed(page)
    found = read(page)
    expected = [round(sum(value for _, value in values[name])) for name in names]
    assert [found.running, found.waiting, found.written, found.steps, found.preemptions] == expected


def test_several_engines_count_together() -> None:
    """The last one that is ready makes the server ready."""
    page = with_engines(3)
    page = with_value("vllm:generation_tokens_created", "1.7955189996e+09", page, 'engine="1"')
    assert read(page) == RECORDED._replace(
        engines=3, steps=3 * 5_672, computed=3 * 5_722, written=3 * 6_077, ready_us=1_795_518_999_600_000
    )


def test_engines_that_sleep() -> None:
    """At any level; a release that does not say it does not sleep."""
    page = with_value("vllm:engine_sleep_state", "0.0", with_engines(3), 'sleep_state="awake"')
    page = with_value("vllm:engine_sleep_state", "1.0", page, 'sleep_state="discard_all"')
    assert read(page).asleep == 3
    one = with_engines(3).replace(
        b'engine_sleep_state{engine="1",model_name="tiny-chat",sleep_state="awake"} 1.0',
        b'engine_sleep_state{engine="1",model_name="tiny-chat",sleep_state="awake"} 0.0',
    )
    assert read(one).asleep == 1
    assert read(PAGE.replace(b"engine_sleep_state", b"other")).asleep == 0


def test_speculation() -> None:
    """Its counters are only there with it."""
    lines = b"".join(
        f'vllm:spec_decode_num_{name}_total{{engine="{engine}"}} {value}.0\n'.encode()
        for name, value in (("drafts", 10), ("draft_tokens", 30), ("accepted_tokens", 21))
        for engine in range(2)
    )
    lines += b'vllm:spec_decode_num_accepted_tokens_per_pos_total{engine="0",position="0"} 9.0\n'
    found = read(PAGE + lines)
    assert (found.drafts, found.draft_tokens, found.accepted_tokens) == (20, 60, 42)


@pytest.mark.parametrize(
    ("name", "unknown"),
    [
        ("process_start_time_seconds", {"start_us": UNKNOWN}),
        ("vllm:generation_tokens_created", {"ready_us": UNKNOWN}),
        ("vllm:prompt_tokens_by_source_total", {"computed": UNKNOWN}),
        ("vllm:iteration_tokens_total_count", {"steps": UNKNOWN}),
        ("vllm:num_preemptions_total", {"preemptions": UNKNOWN}),
        ("vllm:num_requests_waiting", {}),
    ],
)
def test_what_a_release_does_not_say_is_not_known(name: str, unknown: dict[str, int]) -> None:
    """With several API servers, for one, there is no start of the process."""
    for page in (PAGE.replace(f"\n{name}".encode(), b"\nother"), with_value(name, "NaN")):
        assert read(page) == RECORDED._replace(**unknown)


BAD = {
    "nothing": b"",
    "another program": b"# TYPE up gauge\nup 1\n",
    "no requests": PAGE.replace(b"\nvllm:num_requests_running", b"\nother"),
    "no tokens": PAGE.replace(b"\nvllm:generation_tokens_total", b"\nother"),
    "requests that are no number": with_value("vllm:num_requests_running", "many"),
    "tokens below nothing": with_value("vllm:generation_tokens_total", "-1"),
    "more tokens than can be counted": with_value("vllm:generation_tokens_total", "1e300"),
    "endless tokens": with_value("vllm:generation_tokens_total", "+Inf"),
}


@pytest.mark.parametrize("page", BAD.values(), ids=BAD)
def test_what_is_no_page_of_vllm_is_no_sample(page: bytes) -> None:
    """It is better to have none than a wrong one."""
    assert read_sample(page, 7) is None


@settings(max_examples=examples(60), deadline=None)
@given(st.binary(max_size=60), st.integers(0, len(PAGE)))
def test_any_bytes_can_be_read(piece: bytes, at: int) -> None:
    """A page that is cut, or that something else was written into."""
    for page in (PAGE[:at], PAGE[:at] + piece + PAGE[at:], piece):
        found = read_sample(page, 7)
        assert found is None or all(-1 <= number < 1 << 63 for number in found)
