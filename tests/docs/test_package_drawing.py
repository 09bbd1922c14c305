"""The drawing of packages in docs/design.md is what `python -m tests.docs.package_drawing` writes."""

from __future__ import annotations

import itertools

import pytest

from tests.docs.package_drawing import (
    DRAWING,
    HEIGHT,
    PLACES,
    WIDTH,
    Import,
    corner,
    drawn,
    imports,
    line_of,
    packages,
    reduced,
)
from tests.docs.pages import DOCS, links

ARROWS = reduced(imports())


def test_the_drawing_is_that_of_the_code() -> None:
    """An import between packages that is new, or gone, asks for a new drawing."""
    assert drawn(imports()) == DRAWING.read_text()


def test_every_package_has_a_place() -> None:
    """And no place is of one that is not there."""
    assert packages() == PLACES.keys()


def test_no_box_covers_another() -> None:
    """Each can be read."""
    for one, other in itertools.combinations(PLACES, 2):
        (left, top), (other_left, other_top) = corner(one), corner(other)
        assert abs(left - other_left) >= WIDTH or abs(top - other_top) >= HEIGHT, (one, other)


@pytest.mark.parametrize("one", ARROWS, ids="-".join)
def test_every_arrow_points_down_and_runs_through_no_box(one: Import) -> None:
    """A package imports those below it."""
    x, y, end_x, end_y = line_of(one)
    assert y < end_y
    points = [(x + (end_x - x) * step / 50, y + (end_y - y) * step / 50) for step in range(1, 50)]
    for other in PLACES.keys() - set(one):
        left, top = corner(other)
        assert not [px for px, py in points if left <= px <= left + WIDTH and top <= py <= top + HEIGHT], other


def test_what_a_path_implies_is_left_out() -> None:
    """However long the path."""
    found = {("a", "b"), ("b", "c"), ("c", "d"), ("a", "c"), ("a", "d")}
    assert reduced(found) == [("a", "b"), ("b", "c"), ("c", "d")]


def test_the_design_shows_it() -> None:
    """As a picture that both GitHub and the site can show."""
    assert DRAWING in {target for target, _ in links(DOCS / "design.md")}
