"""vLLM's counters: what they grew by between two pages, a real page among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc.reports.claims import BadClaims, UsageClaim
from extproc.reports.vllm_pages import claims_of_pages, is_vllm_page
from tests.unit.reports.samples import at_us

RECORDINGS = Path(__file__).parents[2] / "recordings"
STARTED = at_us("2026-11-25")
NOON = at_us("2026-11-25T12:00")


def page(prompt: int, output: int, started_us: int = STARTED, model: str = "tiny", more: str = "") -> bytes:
    """A page with the counters of two engines."""
    engines = "".join(
        f'vllm:prompt_tokens_total{{engine="{engine}",model_name="{model}"}} {prompt}.0\n'
        f'vllm:generation_tokens_total{{engine="{engine}",model_name="{model}"}} {output}.0\n'
        for engine in range(2)
    )
    return f"# HELP x y\nprocess_start_time_seconds {started_us / 1e6}\n{engines}{more}".encode()


def test_two_pages_are_what_was_counted_between_them() -> None:
    """In whatever order they are given; engines are added up."""
    files = [("b", page(110, 17), NOON + 10), ("a", page(100, 10), NOON)]
    assert claims_of_pages(files) == [UsageClaim(NOON, NOON + 10, "tiny", {"input_tokens": 20, "output_tokens": 14})]


def test_one_page_is_since_the_start() -> None:
    """Of the process."""
    assert claims_of_pages([("a", page(100, 10), NOON)]) == [
        UsageClaim(STARTED, NOON, "tiny", {"input_tokens": 200, "output_tokens": 20})
    ]


def test_a_page_with_headers_has_its_own_time() -> None:
    """As `curl -si` saves it; the file may be copied."""
    head = b"HTTP/1.1 200 OK\r\ndate: Wed, 25 Nov 2026 12:00:01 GMT\r\nserver: uvicorn\r\n\r\n"
    (claim,) = claims_of_pages([("a", head + page(1, 1), 5)])
    assert claim.end_us == NOON + 1_000_000


def test_a_real_page_is_read() -> None:
    """Of vLLM, as curl saved it: since its start."""
    (claim,) = claims_of_pages([("recorded", (RECORDINGS / "metrics.response.http").read_bytes(), 0)])
    assert claim.model == "tiny-chat"
    assert claim.counts == {"input_tokens": 10_458, "cached_tokens": 4_736, "output_tokens": 6_077}
    assert claim.end_us == at_us("2026-11-24T11:15:57")
    assert claim.start_us == 1_795_518_884_070_000


def test_a_model_that_came_meanwhile_counts_from_nothing() -> None:
    """A LoRA adapter that was loaded."""
    more = 'vllm:prompt_tokens_total{engine="0",model_name="lora"} 7.0\n'
    found = claims_of_pages([("a", page(1, 1), NOON), ("b", page(1, 1, more=more), NOON + 10)])
    assert {one.model: one.counts for one in found}["lora"] == {"input_tokens": 7}


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ([("a", page(1, 1), 1), ("b", page(2, 2, STARTED + 10**6), 2)], "b: the server was restarted after a:"),
        (
            [("a", page(2, 2), 1), ("b", page(1, 1), 2)],
            "b: a counter of tiny is less than in a: are they of one server?",
        ),
        ([("a", page(1, 1), 1), ("b", page(1, 1), 1)], "a and b are of the same time; save them with their headers"),
        ([("a", page(1, 1), 1), ("b", page(1, 1), 2), ("c", page(1, 1), 3)], "c: two pages of metrics at most"),
        ([("a", b"# vllm:\n", 1)], "a: no counter vllm:prompt_tokens_total,"),
        ([("a", page(1, 1, more='vllm:prompt_tokens_total{model_name="x"} +Inf\n'), 1)], "a: no page of Prometheus"),
        ([("a", b"vllm:x{", 1)], "a: no page of Prometheus metrics"),
        (
            [("a", b'vllm:prompt_tokens_total{model_name="x"} 1\n', 1)],
            "a: without process_start_time_seconds, a second",
        ),
        ([("a", b"HTTP/1.1 200 OK\r\ndate: soon\r\n\r\n" + page(1, 1), 1)], "a: the header Date cannot be read"),
    ],
)
def test_pages_that_do_not_fit_are_told(files: list[tuple[str, bytes, int]], problem: str) -> None:
    """With their names."""
    with pytest.raises(BadClaims) as bad:
        claims_of_pages(files)
    assert str(bad.value).startswith(problem)


def test_pages_are_told_from_other_files() -> None:
    """By what they hold."""
    assert is_vllm_page(page(1, 1))
    assert not is_vllm_page(b"day,model\n2026-11-25,vllm:x\n")
    assert not is_vllm_page(b'{"data": "vllm:"}')
