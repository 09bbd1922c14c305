"""Phrases in many languages, matched at once, at the cost of the text's own script.

An automaton of all of them builds its states from all of them, so each new text would pay for languages that it cannot
be in. Patterns of other scripts hold letters of theirs, and a text in ASCII has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import re2

from extproc.detectors.text.automata import SpanPatterns, automaton

BYTES_MAX: Final = 32 << 20
"""Memory of an automaton. [bytes]"""


class PhraseSet:
    """Patterns, which are known by their places in what was passed. Texts are in plain form."""

    def __init__(self, patterns: Sequence[str]) -> None:
        options = re2.Options()
        options.max_mem = BYTES_MAX
        self._spans = SpanPatterns(patterns, options)
        self._latin = [place for place, pattern in enumerate(patterns) if pattern.isascii()]
        self._others = [place for place, pattern in enumerate(patterns) if not pattern.isascii()]
        self._latin_set, self._others_set = (
            automaton([patterns[place] for place in places], options) if places else None
            for places in (self._latin, self._others)
        )

    def match(self, plain_utf8: bytes) -> list[int]:
        """The places of the patterns that match anywhere."""
        found: list[int] = []
        if self._latin_set is not None:
            found += [self._latin[index] for index in self._latin_set.Match(plain_utf8) or ()]
        if self._others_set is not None and not plain_utf8.isascii():
            found += [self._others[index] for index in self._others_set.Match(plain_utf8) or ()]
        return found

    def first_span(self, places: Sequence[int], plain_text: str) -> tuple[int, int]:
        """Where the first match of some patterns is that ``match`` has told. [characters]"""
        first: tuple[int, int] = min(self._spans.search(place, plain_text).span() for place in places)
        return first
