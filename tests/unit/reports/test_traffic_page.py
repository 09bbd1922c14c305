"""The page of single exchanges: its figures are those of the ledger, and any name is text."""

from __future__ import annotations

import re

import pytest

from extproc.ledger.entry import EntryOutcome, LedgerEntry
from extproc.reports.traffic_page import length_against, traffic_page
from tests.unit.reports.samples import HOSTILE, entry_at
from tests.unit.reports.test_html_page import Page


def answer(number: int, version: str, **changed: object) -> LedgerEntry:
    """An answered exchange of a version, one a minute."""
    values = {"model": "tiny", "version": version, "chosen": "", "refusals": 0, "findings": {}, **changed}
    return entry_at(f"2026-03-20T10:{number:02d}", f"e{number}", **values)


def page_about(entries: list[LedgerEntry]) -> str:
    """The page of some exchanges."""
    return traffic_page("Traffic", "All of it.", entries, ["<p>the end</p>"])


def rows(page: str, caption: str) -> list[list[str]]:
    """The cells of a table, without its head."""
    body = page.partition(f"<caption>{caption}</caption>")[2].partition("<tbody>")[2].partition("</tbody>")[0]
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in body.strip().splitlines()]


def test_figures_are_those_of_the_ledger() -> None:
    """By version: exchanges, tokens, cost, latency, refusals, and answers in place of another version's."""
    entries = [
        answer(1, "v1", prompt_tokens=1_000, cached_tokens=200, completion_tokens=50, cost_micro_usd=20_000),
        answer(2, "v1", prompt_tokens=500, cached_tokens=0, completion_tokens=10, cost_micro_usd=10_000, refusals=1),
        answer(3, "v2", prompt_tokens=5, cached_tokens=0, completion_tokens=7, cost_micro_usd=0, chosen="tiny/v1"),
    ]
    page = page_about(entries)
    assert rows(page, "Versions") == [
        ["tiny/v1", "2", "1,500", "200", "60", "$0.03", "900 ms", "900 ms", "90 ms", "1", "0"],
        ["tiny/v2", "1", "5", "0", "7", "$0.00", "900 ms", "900 ms", "90 ms", "0", "1"],
    ]
    assert "<title>tiny/v1, input: 1,300</title>" in page
    assert "<title>tiny/v1, cached input: 200</title>" in page
    assert "<title>2, first token: 90 ms</title>" in page
    assert rows(page, "Drift") == [["tiny/v2", "tiny/v1", "too few answers"]]


def test_findings_are_counted_by_guard() -> None:
    """Also of requests that never reached a model."""
    refused = entry_at(
        "2026-03-20T11:00",
        "refused",
        sent_at_us=None,
        first_token_at_us=None,
        outcome=EntryOutcome.REFUSED,
        findings={"harm/request/WEAPONS": 1, "pii/request/EMAIL": 2},
    )
    page = page_about([refused, answer(1, "v1", findings={"pii/response/EMAIL": 1, "pii/response/PHONE": 3})])
    assert rows(page, "Findings") == [["harm", "1", "0"], ["pii", "2", "4"]]
    assert "All of it. 1 exchanges reached a model, 1 requests were refused before one." in page


def test_without_exchanges_nothing_is_drawn() -> None:
    """What the caller adds is there."""
    page = page_about([])
    assert "<svg" not in page
    assert "<table" not in page
    assert "<p>the end</p>" in page


def test_hostile_names_are_text() -> None:
    """Nothing of a name is an element, and nothing is fetched."""
    entries = [answer(number, name, model=name) for number, name in enumerate(HOSTILE)]
    text = page_about(entries)
    page = Page(text)
    assert page.open == []
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "img", "link", "a"})
    assert re.findall(r"https?:|url\(|@import", text) == []


@pytest.mark.parametrize(("length", "differs"), [(100, False), (20, True)])
def test_lengths_are_compared_with_an_interval(length: int, differs: bool) -> None:
    """It has the true ratio in it, and 1 only where there is no difference."""
    before = [answer(number, "v1", completion_tokens=90 + 20 * (number % 2)) for number in range(60)]
    after = [answer(number, "v2", completion_tokens=length * (90 + 20 * (number % 2)) // 100) for number in range(60)]
    effect = length_against(before, after)
    assert effect is not None
    assert effect.low < length / 100 < effect.high
    assert (effect.low <= 1 <= effect.high) is not differs
    told = rows(page_about([*before, *after]), "Drift")[0][2]
    assert told.endswith("no difference is shown") is not differs
