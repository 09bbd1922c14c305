"""Phrases of several scripts are matched as one set would match them."""

from __future__ import annotations

from typing import Final

import re2
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.answers.phrase_sets import PhraseSet
from extproc.detectors.text.normalize import plain

PATTERNS: Final = (r"\bnot? here\b", "我不能", r"\bhere\b", "수 없", "|".join(("nein", "нет")))
PHRASES: Final = PhraseSet(PATTERNS)
TEXTS: Final = st.lists(st.sampled_from(["no here", "here", "我不能", "수 없", "nein", "нет", "é", " ", "x"])).map(
    "".join
)


@given(TEXTS)
def test_a_set_matches_what_each_pattern_matches(text: str) -> None:
    """But a pattern with letters of another script, in a text of ASCII alone."""
    expected = [
        place
        for place, pattern in enumerate(PATTERNS)
        if (pattern.isascii() or not text.isascii()) and re2.search(pattern, text)
    ]
    assert sorted(PHRASES.match(text.encode())) == expected


def test_the_first_span_is_of_the_match_that_begins_first() -> None:
    """Whatever the order of the patterns."""
    text = "well, no here 수 없"
    assert PHRASES.first_span(PHRASES.match(text.encode()), text) == (6, 13)


def test_no_pattern_is_no_match() -> None:
    """Of one script, or of none."""
    assert PhraseSet(()).match(b"x") == []
    assert PhraseSet(("我",)).match("我".encode()) == [0]
    assert PhraseSet((plain("é"),)).match(b"e") == [0]
