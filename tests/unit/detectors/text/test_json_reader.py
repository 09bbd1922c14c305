"""A text is JSON, is not, or may still become JSON: told while it comes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.detectors.text.json_reader import DEPTH_MAX, JsonReader
from tests.unit.filters.cutting import cut

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
WRITTEN = st.builds(
    lambda value, ascii_only, indent: json.dumps(value, ensure_ascii=ascii_only, indent=indent),
    VALUES,
    st.booleans(),
    st.sampled_from([None, 2]),
)
# Characters that mean something, so that texts are nearly JSON.
NEARLY = st.text(st.sampled_from('{}[]:,"\\u0123eE+-.truefalsn \n\tx\x00'), max_size=14)
SPOILT = st.builds(lambda text, place, more: text[: place % (len(text) + 1)] + more, WRITTEN, st.integers(0), NEARLY)


def parses(text: str) -> bool:
    """Whether the standard library reads it as JSON, without its extensions."""

    def refuse(constant: str) -> Any:
        raise ValueError(constant)

    try:
        json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return False
    return True


def judged(pieces: list[str]) -> tuple[bool, int]:
    """Whether a text is JSON, and where it stopped being the beginning of any."""
    reader, before = JsonReader(), 0
    for piece in pieces:
        place = reader.feed(piece)
        if place >= 0:
            return False, before + place
        before += len(piece)
    return reader.complete(), -1


@given(cut(WRITTEN | NEARLY | SPOILT))
@example(["[1", "2]"])
@example(["-0", ".5e", "+7"])
@example(['"\\u12', '4g"'])
@example(["tru", "e"])
@example(["01"])
@example(["[1,]"])
def test_it_is_json_exactly_where_a_parser_says_so(pieces: list[str]) -> None:
    """However the text is cut."""
    text = "".join(pieces)
    is_json, place = judged(pieces)
    assert is_json == parses(text)
    assert judged([text]) == (is_json, place)


@given(cut(WRITTEN))
def test_no_beginning_of_json_is_called_broken(pieces: list[str]) -> None:
    """Only what nothing can mend."""
    assert judged(pieces) == (True, -1)


@pytest.mark.parametrize(
    ("text", "place"), [("Sure! {}", 0), ('{"a": 1}.', 8), ("{'a': 1}", 1), ("```json\n{}", 0), ("NaN", 0), ('"\n"', 1)]
)
def test_the_place_is_the_first_character_that_cannot_be(text: str, place: int) -> None:
    """What a model writes around its JSON, or instead of it."""
    assert judged([text]) == (False, place)


def test_a_nesting_that_parsers_refuse_is_broken() -> None:
    """The stack has a limit."""
    assert judged(["[" * DEPTH_MAX]) == (False, -1)
    assert judged(["[" * (DEPTH_MAX + 1)]) == (False, DEPTH_MAX)
