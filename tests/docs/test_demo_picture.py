"""The README's picture of the demo is what the demo prints today; `python -m tests.docs.demo_picture` draws it anew."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from extproc.demo import tour
from extproc.demo.guard_tour import SHOWCASES
from extproc.demo.shown import LABELS
from extproc.demo.tour import CONVERSATIONS, TURNS, Stop
from tests.docs.demo_picture import COLUMNS, PICTURE, SHOWN, drawn, lines
from tests.docs.pages import DOCS, README, links

BYTES_MAX = 60_000
SVG = PICTURE.read_text()
LITERALS = [
    str(node.value)
    for node in ast.walk(ast.parse(Path(tour.__file__).read_text()))
    if isinstance(node, ast.Constant) and isinstance(node.value, str)
]
TITLES = set(
    re.findall(r'(?:Stop|_injection)\("([^"]+)"', Path(tour.__file__).read_text()),
)


def pictured() -> list[Stop]:
    """The stops of the picture, read back from its lines."""
    stops: list[Stop] = []
    cells: list[str] = []
    for line in lines(SVG)[1:-2]:
        if title := re.fullmatch(r"ok  (.+)", line):
            stops.append(Stop(title[1], ""))
            cells = []
            continue
        label, text = line[5:13].strip(), line[15:]
        cells[len(cells) :] = [text] if label else []
        if not label:
            cells[-1] += f" {text}"
        stop = stops[-1]
        stop.sent, stop.client_saw, stop.model_saw, stop.measured = (*cells, "", "", "", "")[: len(LABELS)]
    return stops


def test_it_shows_stops_of_the_tour_and_how_many_there_are() -> None:
    """A stop that is renamed, added or taken out asks for a new picture."""
    count = len(TITLES) + len(SHOWCASES)
    assert [stop.title for stop in pictured()] == list(SHOWN)
    assert set(SHOWN) <= TITLES
    assert lines(SVG)[-1] == f"{count} of {count} stops are right."
    assert lines(SVG)[-1] in (DOCS / "getting-started.md").read_text()


def test_its_texts_are_those_of_the_tour() -> None:
    """What is sent, and what must be seen for the stop to be right; counts and times are of one run."""
    known = [*LITERALS, f"{CONVERSATIONS} conversations of {TURNS} turns", "(it said) " + ", ".join(tour._SECRETS)]
    by_chance = re.compile(r"conversations on v1|× tiny-chat|\d+ (?:ms|tokens|requests)")
    texts = [
        text
        for stop in pictured()
        for text in (stop.sent, stop.client_saw, stop.model_saw, stop.measured)
        if not by_chance.search(text)
    ]
    assert len(texts) > 12
    assert [text for text in texts if text not in known] == []


def test_it_is_drawn_as_the_demo_prints() -> None:
    """The same stops give the same lines, and the same picture."""
    stops = pictured()
    assert drawn(stops, len(TITLES) + len(SHOWCASES)) == SVG


def test_it_is_small_fits_and_fetches_nothing() -> None:
    """At 80 columns, and without fonts of another host."""
    assert len(SVG.encode()) < BYTES_MAX
    assert max(len(line) for line in lines(SVG)) <= COLUMNS
    assert set(re.findall(r"https?://[\w./-]+", SVG)) <= {"http://www.w3.org/2000/svg", "https://www.textualize.io"}


def test_the_readme_shows_it() -> None:
    """Near its beginning."""
    assert PICTURE in {target for target, _ in links(README)}
    assert "docs/demo.svg" in README.read_text()[:3000]
