"""The counters of a vLLM server as claims: what it counted between two pages of its metrics, or since its start.

A page has no time of its own. It is that of the `Date` header, where the page was saved with its headers (`curl -si`),
otherwise that of the file. The counters of all engines of a model are added up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from extproc.reports.claims import BadClaims, UsageClaim

_US_PER_S: Final = 1_000_000
_START: Final = "process_start_time_seconds"
_COUNTERS: Final[Mapping[str, str]] = {
    "vllm:prompt_tokens_total": "input_tokens",
    "vllm:prompt_tokens_cached_total": "cached_tokens",
    "vllm:generation_tokens_total": "output_tokens",
}
_HEADERS: Final = re.compile(r"HTTP/[\d.]+ \d+.*?\r?\n\r?\n", re.DOTALL)
_DATE: Final = re.compile(r"^date:\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_MARK: Final = b"vllm:"


@dataclass(frozen=True, slots=True)
class _Page:
    name: str
    at_us: int
    started_us: int | None
    counts: Mapping[str, Mapping[str, int]]  # by model, and by measure


def is_vllm_page(content: bytes) -> bool:
    """Whether a file is a page of vLLM's metrics."""
    return _MARK in content and content.lstrip()[:1] in (b"#", b"H", b"p", b"v")


def claims_of_pages(files: Sequence[tuple[str, bytes, int]]) -> list[UsageClaim]:
    """What was counted between the first page and the last one; of one page: since the server started.

    Args: files: name, content and time of the file [us], in any order.
    Raises: BadClaims.
    """
    pages = sorted((_page(*one) for one in files), key=lambda one: one.at_us)
    if len(pages) > 2:
        raise BadClaims(f"{pages[2].name}: two pages of metrics at most: one before and one after")
    after = pages[-1]
    if len(pages) == 1:
        if after.started_us is None:
            raise BadClaims(f"{after.name}: without {_START}, a second page is needed")
        return [
            UsageClaim(after.started_us, after.at_us, model, counts) for model, counts in sorted(after.counts.items())
        ]
    before = pages[0]
    if before.started_us != after.started_us:
        raise BadClaims(f"{after.name}: the server was restarted after {before.name}: what it had counted is lost")
    if before.at_us >= after.at_us:
        raise BadClaims(f"{before.name} and {after.name} are of the same time; save them with their headers (curl -si)")
    found = []
    for model, counts in sorted(after.counts.items()):
        earlier = before.counts.get(model, {})
        grown = {measure: count - earlier.get(measure, 0) for measure, count in counts.items()}
        if min(grown.values(), default=0) < 0:
            raise BadClaims(
                f"{after.name}: a counter of {model} is less than in {before.name}: are they of one server?"
            )
        found.append(UsageClaim(before.at_us, after.at_us, model, grown))
    return found


def _page(name: str, content: bytes, file_us: int) -> _Page:
    text = content.decode("utf-8", "replace")
    at_us = file_us
    if headers := _HEADERS.match(text):
        text = text[headers.end() :]
        if told := _DATE.search(headers[0]):
            at_us = _time_us(name, told[1])
    counts: dict[str, dict[str, int]] = {}
    started_us = None
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == _START:
                    started_us = int(sample.value * _US_PER_S)
                elif measure := _COUNTERS.get(sample.name):
                    of_model = counts.setdefault(sample.labels.get("model_name", ""), {})
                    of_model[measure] = of_model.get(measure, 0) + int(sample.value)
    except (ValueError, OverflowError):
        raise BadClaims(f"{name}: no page of Prometheus metrics") from None
    if not counts:
        raise BadClaims(f"{name}: no counter {', '.join(_COUNTERS)}")
    return _Page(name, at_us, started_us, counts)


def _time_us(name: str, written: str) -> int:
    try:
        return int(parsedate_to_datetime(written).timestamp()) * _US_PER_S
    except (ValueError, TypeError):
        raise BadClaims(f"{name}: the header Date cannot be read") from None
