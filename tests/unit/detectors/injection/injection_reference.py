"""What the injection detector finds, told the plain way: every pattern is asked of every reading of a text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import re2

from extproc.detectors.injection.detector import SCORE_MIN, WINDOW_CHARACTERS, WINDOW_OVERLAP_CHARACTERS
from extproc.detectors.injection.patterns import COMPACT_PATTERNS, FAMILIES, SPACED_PATTERNS, WeightedPattern
from extproc.detectors.injection.rules import Mentions
from extproc.detectors.text.hidden_text import TURNED, hidden_texts, lacks_vowels, looks_backwards
from extproc.detectors.text.normalize import (
    LEETSPEAK,
    compact,
    is_spaced,
    original_span,
    plain,
    spelled_right,
    unleet,
    unspaced,
)
from extproc.domain.finding import Finding

_AUTOMATON_PATTERNS = 12


class _AllPatterns:
    """Weighted patterns, all asked of each text."""

    def __init__(self, patterns: Sequence[WeightedPattern]) -> None:
        self._patterns = patterns
        self._automata: list[Any] = []
        for first in range(0, len(patterns), _AUTOMATON_PATTERNS):
            automaton = re2.Set.SearchSet()
            for pattern in patterns[first : first + _AUTOMATON_PATTERNS]:
                automaton.Add(pattern.pattern)
            automaton.Compile()
            self._automata.append(automaton)

    def score(self, utf8: bytes) -> tuple[float, int]:
        """Score, and the heaviest pattern's index."""
        matched = [
            number * _AUTOMATON_PATTERNS + index
            for number, automaton in enumerate(self._automata)
            for index in automaton.Match(utf8) or ()
        ]
        if not matched:
            return 0.0, -1
        doubt = math.prod(1.0 - self._patterns[index].weight for index in matched)
        return 1.0 - doubt, max(matched, key=lambda index: (self._patterns[index].weight, -index))

    def span(self, index: int, plain_text: str) -> tuple[int, int]:
        """Where that pattern first matches."""
        match = re2.search(self._patterns[index].pattern, plain_text)
        return (match.start(), match.end()) if match else (0, len(plain_text))


class ReferenceDetector:
    """The same findings as ``InjectionDetector``, at several times the cost."""

    def __init__(self) -> None:
        self._patterns = _AllPatterns([pattern for family in FAMILIES for pattern in family])
        self._compact = _AllPatterns(COMPACT_PATTERNS)
        self._spaced = _AllPatterns(SPACED_PATTERNS)
        self._leetspeak = re2.compile(LEETSPEAK)
        self._without_mentions = Mentions().without

    def find(self, text: str) -> list[Finding]:
        """At most one finding for each window."""
        step = WINDOW_CHARACTERS - WINDOW_OVERLAP_CHARACTERS
        begins = range(0, max(1, len(text) - WINDOW_OVERLAP_CHARACTERS), step)
        return [finding for begin in begins for finding in self._in_window(text, begin)]

    def _in_window(self, text: str, begin: int) -> Iterator[Finding]:
        window = text[begin : begin + WINDOW_CHARACTERS]
        plain_text = plain(window)
        if self._patterns.score(plain_text.encode())[0] >= SCORE_MIN:
            plain_text = self._without_mentions(plain_text)
        score, heaviest = self._patterns.score(plain_text.encode())
        if score >= SCORE_MIN:
            first, end = original_span(window, *self._patterns.span(heaviest, plain_text))
            yield Finding("PROMPT_INJECTION", begin + first, begin + end, score, "injection.patterns")
            return
        for disguise, score in self._disguised(window, plain_text.encode()):
            if score >= SCORE_MIN:
                yield Finding("PROMPT_INJECTION", begin, begin + len(window), score, f"injection.{disguise}")
                return

    def _disguised(self, window: str, plain_utf8: bytes) -> Iterator[tuple[str, float]]:
        yield "joined", self._compact.score(compact(plain_utf8))[0]
        if is_spaced(plain_utf8):
            yield "spaced", self._spaced.score(compact(plain_utf8))[0]
            yield "spaced", self._patterns.score(unspaced(plain_utf8))[0]
        if self._leetspeak.search(plain_utf8):
            yield "leetspeak", self._patterns.score(unleet(plain_utf8))[0]
            yield "leetspeak", self._compact.score(compact(unleet(plain_utf8)))[0]
        yield "misspelled", self._patterns.score(spelled_right(plain_utf8))[0]
        turned = re2.search(TURNED, plain_utf8.decode()) is not None
        rotated, backwards = turned or lacks_vowels(plain_utf8), turned or looks_backwards(window)
        for how, hidden in hidden_texts(window, rotated, backwards):
            yield how, self._patterns.score(plain(hidden).encode())[0]
