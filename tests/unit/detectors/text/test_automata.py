"""Sets of patterns, and where a pattern of a set matches."""

from __future__ import annotations

import pytest
import re2

from extproc.detectors.text.automata import SpanPatterns, automaton, utf8_options

OPTIONS = utf8_options(1 << 20)


def test_a_set_says_which_patterns_match_anywhere() -> None:
    """By number; nothing where none does."""
    patterns = automaton(["b+", "^c", "é"], OPTIONS)
    assert sorted(patterns.Match("abé".encode())) == [0, 2]
    assert not patterns.Match(b"ac")


def test_a_pattern_that_is_none_is_refused() -> None:
    """When the set is made, not when a text comes."""
    with pytest.raises(re2.error):
        automaton(["a", "("], OPTIONS)


def test_a_pattern_is_compiled_when_it_is_searched_for() -> None:
    """A detector that starts compiles none of them."""
    spans = SpanPatterns(["b+", "("], OPTIONS)
    assert spans.search(0, "abbc").span() == (1, 3)
    assert spans.search(0, "ac") is None
    assert spans._compiled.keys() == {0}
