"""How lists of words are written."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.harm.notation import expanded

WORDS = st.text("abc", min_size=1, max_size=3)
LISTS = st.recursive(
    WORDS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({'|'.join(parts)})")
        | inner.map(lambda part: f"({part})?")
        | st.tuples(inner, inner).map("".join)
    ),
    max_leaves=4,
)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("kill(s|ed)?", ["kill", "kills", "killed"]),
        ("poison*|gun", ["poison*", "gun"]),
        ("fake ids?", ["fake id", "fake ids"]),
        ("self-(harm|injury)", ["self harm", "self injury"]),
        ("go (back)? to", ["go to", "go back to"]),
        ("a(b(c)?)?", ["a", "ab", "abc"]),
        ("a|a|", ["a"]),
        ("", []),
    ],
)
def test_alternatives_endings_and_phrases(written: str, words: list[str]) -> None:
    """Each word once, in the order in which it is written."""
    assert expanded(written) == words


@given(LISTS)
def test_the_words_are_those_that_the_same_pattern_matches(written: str) -> None:
    """As far as the notation goes, it means what a regular expression would."""
    words = expanded(written)
    assert all(re.fullmatch(written, word) for word in words)
    longest = "a" * 3
    assert (longest in words) == bool(re.fullmatch(written, longest))


@pytest.mark.parametrize("written", ["(a", "a)", "(a|(b)"])
def test_a_parenthesis_without_its_partner_is_an_error(written: str) -> None:
    """It says so."""
    with pytest.raises(ValueError, match="parenthesis"):
        expanded(written)


def test_a_phrase_does_not_begin_with_a_stem() -> None:
    """A pattern finds it by its first word."""
    with pytest.raises(ValueError, match="may be stems"):
        expanded("poison* gas")
