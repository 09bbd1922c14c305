"""The page: any name is text, nothing is fetched, nothing runs, and the figures are those of the report."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from extproc.ledger.store import LedgerStore
from extproc.reports.html_page import html_page
from extproc.reports.periods import PeriodSize
from extproc.reports.plots import SERIES_MAX, Plot, Series, lines, stacked_bars
from tests.unit.reports.browser import shown
from tests.unit.reports.samples import HOSTILE, entry_at, random_entries, report

VOID = {"meta", "br", "img"}


class Page(HTMLParser):
    """What a browser would read: elements with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID and not self.get_starttag_text().endswith("/>"):  # type: ignore[union-attr]
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """An element ends: the last one that began."""
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        """Text."""
        self.words.append(data)


@pytest.fixture
def hostile_page(store: LedgerStore) -> str:
    """A page with every name that may go wrong, over some days."""
    store.add(random_entries(200, "2026-03-20", 5))
    days = [f"2026-03-2{day}T10:00" for day in range(5)]
    store.add([entry_at(day, f"{day}-{number}", team=name) for day in days for number, name in enumerate(HOSTILE)])
    return html_page(report(store, "2026-03-20", "2026-03-25", "team,project"))


def test_names_are_text(hostile_page: str) -> None:
    """No element, attribute or end of one comes from a name."""
    page = Page(hostile_page)
    assert page.open == []
    tags = {tag for tag, _ in page.elements}
    assert tags.isdisjoint({"script", "img", "iframe", "object", "link", "base", "form", "a", "style:"})
    names = {name for _, attributes in page.elements for name in attributes}
    assert {name for name in names if name.startswith("on") or name in ("href", "src", "style")} == set()
    assert "</script><script>alert(1)</script>" in page.words
    assert "\x1b" not in hostile_page


def test_the_page_fetches_and_runs_nothing(hostile_page: str) -> None:
    """No address of any kind stands in it, and its policy forbids all but its styles."""
    assert re.findall(r"https?:|//[a-z]|url\(|@import|javascript:", hostile_page.replace("</", "")) == []
    (policy,) = (one["content"] for tag, one in Page(hostile_page).elements if one.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_plots_are_described_and_well_formed(hostile_page: str) -> None:
    """Each has a title and a description of its own, to which it refers."""
    drawn = re.findall(r"<svg.*?</svg>", hostile_page, re.DOTALL)
    assert len(drawn) == 3
    ids: list[str] = []
    for one in drawn:
        svg = ElementTree.fromstring(one)
        named = [svg.find("title"), svg.find("desc")]
        assert svg.attrib["role"] == "img"
        assert svg.attrib["aria-labelledby"].split() == [one.attrib["id"] for one in named if one is not None]
        assert all(one is not None and one.text for one in named)
        ids += svg.attrib["aria-labelledby"].split()
    assert len(ids) == len(set(ids))


def test_a_golden_page(store: LedgerStore) -> None:
    """Figures in a table, a bar with its words, one group each."""
    store.add([entry_at("2026-03-20T10:00", "a", team="search", prompt_tokens=2_400_000, cost_micro_usd=12_340_000)])
    page = html_page(report(store, "2026-03-20", "2026-03-20", size=PeriodSize.TOTAL))
    assert "<title>Usage by team, 2026-03-20 to 2026-03-20</title>" in page
    assert "<p>Days of UTC.</p>" in page
    assert "<title>search, Cost: $12.34</title></rect>" in page
    assert (
        '<tr><td class="name">search</td><td>1</td><td>2,400,000</td><td>40</td><td>7</td><td>$12.34</td>'
        "<td>900 ms</td><td>900 ms</td><td>90 ms</td><td>0</td><td>0</td><td>0</td><td>2</td></tr>"
    ) in page


def test_an_empty_report_is_a_page(store: LedgerStore) -> None:
    """It says so."""
    assert "<p>No entries.</p>" in html_page(report(store, "2026-03-20", "2026-03-20"))


def test_many_groups_are_drawn_as_others(store: LedgerStore) -> None:
    """As many colors as can be told apart; the bars of a day add up to all."""
    entries = [
        entry_at(f"2026-03-2{day}T10:00", f"{day}-{number}", team=f"t{number:02d}", cost_micro_usd=10**6 * (number + 1))
        for day in range(3)
        for number in range(SERIES_MAX + 4)
    ]
    store.add(entries)
    page = html_page(report(store, "2026-03-20", "2026-03-22"))
    told = re.findall(r"<title>2026-03-20, (\w+): \$([\d.]+)</title></rect>", page)
    assert [name for name, _ in told][-1] == "others"
    assert len(told) == SERIES_MAX
    assert sum(float(usd) for _, usd in told) == sum(range(1, SERIES_MAX + 5))


def test_lines_have_gaps() -> None:
    """Where there is no value."""
    plot = Plot("x", "X", "x", ["a", "b", "c"], [Series("s", [1, None, 3])], str)
    assert lines(plot).count("<polyline") == 2
    assert lines(plot).count("<circle") == 2


@pytest.mark.parametrize("values", [[], [0], [1], [3], [2**60]])
def test_any_values_have_a_scale(values: list[int]) -> None:
    """None, nothing, little and much: bars end inside, and lines of the grid are few."""
    drawn = stacked_bars(Plot("x", "X", "x", [str(one) for one in values], [Series("s", values)], str))
    heights = [float(one) for one in re.findall(r' height="([\d.]+)"/?>', drawn)]
    assert all(0 < one <= 280 for one in heights)
    assert 2 <= drawn.count('class="grid"') <= 6


def luminance(color: str) -> float:
    """Of WCAG 2."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return sum(share * one for share, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_colors_can_be_seen_in_both_modes(hostile_page: str) -> None:
    """A contrast of 4.5 for text and of 3 for what is drawn, on the page of that mode."""
    light, dark = (
        re.findall(r"--(\w+): (#\w+);", part) for part in hostile_page.split("prefers-color-scheme: dark")[:2]
    )
    for colors in (dict(light), dict(dark)):
        page = luminance(colors.pop("page"))
        del colors["grid"]
        for name, color in colors.items():
            brighter, darker = sorted((page, luminance(color)), reverse=True)
            assert (brighter + 0.05) / (darker + 0.05) >= (4.5 if name in ("text", "dim") else 3), (name, color)


def test_a_browser_shows_it_without_a_complaint(hostile_page: str, tmp_path: Path) -> None:
    """A real one, with no network to ask: nothing in its console, and no script has run."""
    assert shown(hostile_page, tmp_path).count("<svg") == 3
