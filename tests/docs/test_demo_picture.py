"""The README's picture of the demo is what the demo prints today; `python -m tests.docs.demo_picture` draws it anew."""

from __future__ import annotations

import re

from rich.console import Console

from extproc.demo.lines import WHY_COLUMNS, widths_of
from extproc.demo.stop import Stop
from extproc.demo.tour import planned
from tests.docs.demo_picture import COLUMNS, PICTURE, drawn, lines
from tests.docs.pages import DOCS, README, links

BYTES_MAX = 60_000
SVG = PICTURE.read_text()
STOPS = [stop for stop, _ in planned()]
STOP_LINES = [line for line in lines(SVG) if line.startswith("ok  ")]
WIDTHS = widths_of(Console(width=COLUMNS))


def pictured() -> list[Stop]:
    """The stops of the tour, with what came of them as the picture has it."""
    assert WIDTHS is not None
    begin = 4 + WIDTHS.sent + 2
    for stop, line in zip(STOPS, STOP_LINES, strict=True):
        stop.outcome = line[begin : begin + WIDTHS.outcome].rstrip()
    return STOPS


def test_it_shows_every_stop_of_the_tour() -> None:
    """A stop that is renamed, added or taken out asks for a new picture."""
    whys = [f"{stop.guard}: {stop.why}" if stop.guard else stop.why for stop in STOPS]
    assert [line[COLUMNS - WHY_COLUMNS :] for line in STOP_LINES] == whys
    assert lines(SVG)[-1] == f"{len(STOPS)} of {len(STOPS)} stops are right."
    assert lines(SVG)[-1] in (DOCS / "getting-started.md").read_text()


def test_it_is_drawn_as_the_demo_prints() -> None:
    """The same stops give the same lines, and the same picture; only what came of them is of one run."""
    assert drawn(pictured()) == SVG


def test_what_came_of_a_refused_request_is_its_error() -> None:
    """As the tour expects it."""
    refused = {stop.guard: stop.outcome for stop in pictured() if stop.outcome.startswith("400 ")}
    assert refused["injection"] == "400 prompt_injection"
    assert len(refused) >= 6


def test_it_is_small_fits_and_fetches_nothing() -> None:
    """At 80 columns, and without fonts of another host."""
    assert len(SVG.encode()) < BYTES_MAX
    assert max(len(line) for line in lines(SVG)) <= COLUMNS
    assert re.findall(r"(?:href|src)=|@import|url\((?!#)", SVG) == []


def test_the_readme_shows_it() -> None:
    """Near its beginning."""
    assert PICTURE in {target for target, _ in links(README)}
    assert "docs/demo.svg" in README.read_text()[:3000]
