"""A few numbers of vLLM's page, as a parser of the whole page reads them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from extproc.exchange.endpoint_loads import EndpointLoad
from extproc.server.operations.vllm_metrics import read_load

PAGE = (Path(__file__).parents[3] / "recordings" / "metrics.response.http").read_bytes().partition(b"\r\n\r\n")[2]
"""Of vLLM 0.32.0, with nothing to do; ``recordings/README.md`` tells how it was recorded."""
WAITING, RUNNING, CACHE = "vllm:num_requests_waiting", "vllm:num_requests_running", "vllm:kv_cache_usage_perc"
LABELS = 'engine="0",model_name="tiny-chat"'
NUMBERS = st.floats(0, 1e6) | st.integers(0, 999).map(float)


def with_numbers(waiting: str, running: str, cache: str) -> bytes:
    """The recorded page with other numbers."""
    page = PAGE
    for name, value in ((WAITING, waiting), (RUNNING, running), (CACHE, cache)):
        line = f"\n{name}{{{LABELS}}} ".encode()
        assert page.count(line + b"0.0\n") == 1
        page = page.replace(line + b"0.0\n", line + value.encode() + b"\n")
    return page


def parsed(page: bytes) -> EndpointLoad | None:
    """The same by the library's parser."""
    found: dict[str, list[float]] = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.value)
    waiting, running, cache = (found.get(name, []) for name in (WAITING, RUNNING, CACHE))
    if not cache:
        cache = found.get("vllm:gpu_cache_usage_perc", [])
    waiting, running, cache = (
        numbers if all(0 <= number <= 1e6 for number in numbers) else [] for numbers in (waiting, running, cache)
    )
    if not waiting or not running:
        return None
    return EndpointLoad(7, True, math.fsum(waiting), math.fsum(running), sum(cache) / len(cache) if cache else 0.0)


def test_the_page_of_a_real_server() -> None:
    """It had nothing to do; with other numbers in its place those are read."""
    assert read_load(PAGE, 7) == EndpointLoad(7, True, 0, 0, 0) == parsed(PAGE)
    page = with_numbers("12.0", "3.0", "0.875")
    assert read_load(page, 7) == EndpointLoad(7, True, 12, 3, 0.875) == parsed(page)


def test_an_older_server_has_another_name_for_its_cache() -> None:
    """Up to vLLM 0.10; a page with neither name has its requests all the same."""
    page = with_numbers("1.0", "2.0", "0.5")
    assert read_load(page.replace(b"vllm:kv_cache_usage_perc", b"vllm:gpu_cache_usage_perc"), 7) == (7, True, 1, 2, 0.5)
    assert read_load(page.replace(b"vllm:kv_cache_usage_perc", b"vllm:other"), 7) == (7, True, 1, 2, 0)


def test_several_engines_count_together() -> None:
    """Their caches by the average."""
    lines = [f'{name}{{engine="{engine}"}} {engine + 1}' for name in (WAITING, RUNNING) for engine in range(3)]
    lines += [f'{CACHE}{{engine="0"}} 0.5', f'{CACHE}{{engine="1"}} 1']
    assert read_load("\n".join(lines).encode(), 7) == (7, True, 6, 6, 0.75)


def test_a_label_may_look_like_a_value() -> None:
    """A model's name is somebody's choice."""
    odd = with_numbers("12.0", "3.0", "0.5").replace(b'"tiny-chat"', b'"a} 7 {b\\" } 8"')
    assert read_load(odd, 7) == EndpointLoad(7, True, 12, 3, 0.5) == parsed(odd)


@pytest.mark.parametrize("value", ["NaN", "-1", "+Inf", "2000000", "", "many"])
def test_what_cannot_be_a_number_of_requests_says_nothing(value: str) -> None:
    """Of a cache: as if it were not there."""
    assert read_load(with_numbers(value, "3.0", "0.5"), 7) is None
    assert read_load(with_numbers("3.0", value, "0.5"), 7) is None
    assert read_load(with_numbers("1.0", "2.0", value), 7) == (7, True, 1, 2, 0)


@pytest.mark.parametrize("page", [b"", b"<html>busy</html>", b"vllm:num_requests_waiting 1\n", WAITING.encode()])
def test_another_page_says_nothing(page: bytes) -> None:
    """Of another server, or one that is not ready."""
    assert read_load(page, 7) is None


SERIES = st.lists(st.tuples(st.text(max_size=8), NUMBERS | st.just(math.nan)), max_size=3, unique_by=lambda one: one[0])


@given(SERIES, SERIES, SERIES, st.text(max_size=20), st.booleans())
def test_it_reads_what_the_librarys_parser_reads(
    waiting: Iterable[tuple[str, float]],
    running: Iterable[tuple[str, float]],
    cache: Iterable[tuple[str, float]],
    text: str,
    old: bool,
) -> None:
    """Whatever stands in labels and in explanations, of any number of engines, among names that begin alike."""
    registry = CollectorRegistry()
    caches = "vllm:gpu_cache_usage_perc" if old else CACHE
    for name, series in ((WAITING, waiting), (f"{WAITING}_by_reason", waiting), (RUNNING, running), (caches, cache)):
        gauge = Gauge(name, f"{text}\n{WAITING} 5", ("model_name",), registry=registry)
        for label, value in series:
            gauge.labels(label).set(value)
    page = generate_latest(registry)
    found, expected = read_load(page, 7), parsed(page)
    assert found is None if expected is None else found == pytest.approx(expected)


@given(st.lists(st.sampled_from([WAITING, RUNNING, CACHE, " ", "{", "}", "\n", "1", "x", '"']), max_size=30))
def test_no_page_is_too_odd(parts: list[str]) -> None:
    """It reads a load or none, and never fails."""
    found = read_load("".join(parts).encode(), 7)
    assert found is None or (found.waiting >= 0 and found.running >= 0)
