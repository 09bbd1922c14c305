"""The pictures of the dashboards show today's panels; `python -m tests.tools.dashboards.pictures` draws them again."""

from __future__ import annotations

import re
from html import unescape
from xml.etree import ElementTree

import pytest

from tests.docs.pages import DOCS, links
from tests.tools.dashboards.__main__ import DASHBOARDS
from tests.tools.dashboards.drawing import Line, drawn, in_words, shortened
from tests.tools.dashboards.grafana import Dashboard, Panel, Query, Row
from tests.tools.dashboards.pictures import CAPTION, picture_of

BYTES_MAX = 80_000
PAGE = DOCS / "dashboards.md"


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.name)
def test_a_picture_shows_every_panel_of_today(dashboard: Dashboard) -> None:
    """In their order, with the words that say who drew it; small, and without anything from elsewhere."""
    svg = picture_of(dashboard).read_text()
    shown = [unescape(title) for title in re.findall(r'rx="3"/>\n<text [^>]*class="title"[^>]*>([^<]*)<', svg)]
    assert shown == [panel.title for panel in dashboard.panels]
    assert unescape(CAPTION) in unescape(svg)
    assert len(svg.encode()) < BYTES_MAX
    assert re.findall(r"(?:href|src)=|@import|url\(", svg) == []
    assert (picture_of(dashboard), "") in list(links(PAGE))


def test_most_panels_have_data() -> None:
    """A page of empty panels shows nothing; those of what the demo does not have are empty."""
    for dashboard in DASHBOARDS:
        empty = picture_of(dashboard).read_text().count(">No data<")
        assert empty < len(list(dashboard.panels)) / 2, dashboard.name


def made(panel: Panel, *lines: Line) -> ElementTree.Element:
    """The picture of one panel."""
    board = Dashboard("x", "X & Y", "", [], [Row("Row", [panel])])
    return ElementTree.fromstring(drawn(board, [lines], "caption"))


def polylines(svg: ElementTree.Element) -> list[list[tuple[int, int]]]:
    """The points of each line, from the left and from above."""
    found = svg.iter("{http://www.w3.org/2000/svg}polyline")
    return [[(int(x), int(y)) for x, y in re.findall(r"(-?\d+),(-?\d+)", one.attrib["points"])] for one in found]


def test_a_line_rises_with_its_values_and_has_gaps() -> None:
    """Twice the value is twice the height, and where there is no value there is no line."""
    panel = Panel("P", "", [Query("x")], width=24)
    line = Line("a", {}, [0.0, 5.0, 10.0, None, 10.0, 10.0])
    first, second = polylines(made(panel, line))
    (_, bottom), (_, middle), (_, top) = first
    assert abs((bottom - middle) - (middle - top)) <= 1
    assert len(second) == 2
    assert second[0][0] > first[-1][0]


def test_stacked_values_are_on_top_of_each_other() -> None:
    """The upper line is the sum."""
    panel = Panel("P", "", [Query("x")], width=24, stacked=True)
    lower, upper = polylines(made(panel, Line("a", {}, [0.0, 5.0]), Line("b", {}, [0.0, 5.0])))
    (_, bottom), (_, middle) = lower
    assert upper[0][1] == bottom
    assert abs((bottom - middle) - (middle - upper[1][1])) <= 1


def test_a_panel_without_values_says_so() -> None:
    """Also where a series has no number."""
    panel = Panel("P", "", [Query("x")])
    assert "No data" in list(made(panel, Line("a", {}, [None])).itertext())
    assert "No data" in list(made(panel).itertext())


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.0125, "s", "12.5 ms"),
        (90, "s", "90 s"),
        (0.5, "percentunit", "50 %"),
        (85, "percent", "85 %"),
        (1_500_000, "bytes", "1.5 MB"),
        (12.34, "reqps", "12.3 req/s"),
        (0.0001, "currencyUSD", "$0.0001"),
        (0, "s", "0 s"),
    ],
)
def test_values_are_in_words(value: float, unit: str, words: str) -> None:
    """With three digits."""
    assert in_words(value, unit) == words


def test_a_long_name_is_shortened() -> None:
    """With a sign that it is."""
    assert shortened("a" * 50, 54) == "a" * 9 + "…"
