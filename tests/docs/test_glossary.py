"""The glossary names what is there, once, in order."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from tests.docs.pages import DOCS

ROWS = re.findall(r"^\| ([^|]+) \| [^|]+ \| `([\w.]+)` \|$", (DOCS / "glossary.md").read_text(), re.MULTILINE)


def test_terms_are_in_order_and_stand_once() -> None:
    """A word with two meanings says in brackets which."""
    terms = [term for term, _ in ROWS]
    assert len(terms) > 40
    assert terms == sorted(set(terms))


@pytest.mark.parametrize(("term", "place"), ROWS)
def test_a_term_lives_where_the_glossary_says(term: str, place: str) -> None:
    """A module, or what a module has."""
    try:
        import_module(place)
    except ModuleNotFoundError:
        module, _, name = place.rpartition(".")
        assert hasattr(import_module(module), name), term
