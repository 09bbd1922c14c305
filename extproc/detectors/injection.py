"""Attempts to override, extract or disarm a model's instructions, by patterns over a plain form of the text.

Patterns see only what is said outright. A polite instruction hidden in a document is none of theirs: keep data and
instructions apart, and look at the score as a signal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import re2

from extproc.detectors.injection_patterns import (
    COMPACT_PATTERNS,
    DISCUSSION,
    FAMILIES,
    NEGATED,
    QUOTED,
    SPACED_PATTERNS,
    WeightedPattern,
)
from extproc.detectors.injection_signs import Opened, SignReader
from extproc.detectors.normalise import (
    base64_texts,
    compact,
    is_spaced,
    may_hold_base64,
    original_span,
    plain,
    unleet,
)
from extproc.domain.finding import Finding

SCORE_MIN = 0.5
WINDOW_CHARACTERS = 16_384
WINDOW_OVERLAP_CHARACTERS = 512
_SPACED_FAMILY_PATTERNS = 12
_AUTOMATON_BYTES_MAX = 4 << 20
_SPAN_AUTOMATON_BYTES_MAX = 1 << 20
_DISCUSSED_CHARACTERS_MAX = 600


class _PatternSet:
    """Weighted patterns, one automaton for each family.

    Patterns with gaps multiply each other's states, so that one large automaton is many times slower on text it has not
    met before than some small ones.
    """

    def __init__(self, families: Sequence[Sequence[WeightedPattern]]) -> None:
        weighted = [pattern for family in families for pattern in family]
        self._weights = [pattern.weight for pattern in weighted]
        self._patterns = [re2.compile(pattern.pattern, _options(_SPAN_AUTOMATON_BYTES_MAX)) for pattern in weighted]
        self._automata = []
        first = 0
        for family in families:
            automaton = re2.Set.SearchSet(_options(_AUTOMATON_BYTES_MAX))
            for pattern in family:
                automaton.Add(pattern.pattern)
            automaton.Compile()
            self._automata.append((first, automaton))
            first += len(family)
        self._all_families = tuple(range(len(families)))

    def score(self, plain_utf8: bytes, families: tuple[int, ...] | None = None) -> tuple[float, int]:
        """Chance that at least one match is meant (weights taken as independent), and the heaviest pattern's index.

        Args:
            plain_utf8: the text.
            families: numbers, in rising order, of those that are asked; all if None.
        """
        matched: list[int] = []
        for number in self._all_families if families is None else families:
            first, automaton = self._automata[number]
            matched += [first + index for index in automaton.Match(plain_utf8) or ()]
        if not matched:
            return 0.0, -1
        doubt = math.prod(1.0 - self._weights[index] for index in matched)
        return 1.0 - doubt, max(matched, key=lambda index: (self._weights[index], -index))

    def span(self, index: int, plain_text: str) -> tuple[int, int]:
        """Where pattern ``index`` first matches [characters of the plain form]."""
        match: Any = self._patterns[index].search(plain_text)
        return (match.start(), match.end()) if match else (0, len(plain_text))


def _options(memory_bytes_max: int) -> Any:
    options = re2.Options()
    options.max_mem = memory_bytes_max
    options.log_errors = False
    return options


class InjectionDetector:
    """Finds prompt injection and jailbreak attempts in seven languages and in common disguises."""

    def __init__(self) -> None:
        self._signs = SignReader(FAMILIES, COMPACT_PATTERNS)
        self._patterns = _PatternSet(FAMILIES)
        self._compact_patterns = _PatternSet([COMPACT_PATTERNS])
        self._spaced_patterns = _PatternSet(
            [
                SPACED_PATTERNS[first : first + _SPACED_FAMILY_PATTERNS]
                for first in range(0, len(SPACED_PATTERNS), _SPACED_FAMILY_PATTERNS)
            ]
        )
        self._discussion = re2.compile(DISCUSSION)
        self._quoted = re2.compile(QUOTED)
        self._negated = re2.compile(NEGATED)

    def find(self, text: str) -> list[Finding]:
        """At most one finding (score of .5 or more) for each window of the text, in order.

        The span is what matched, where the plain form can be led back to the text; the whole window for what was found
        only once blanks were joined, leetspeak read or base64 decoded. Linear in the length; texts longer than
        ``WINDOW_CHARACTERS`` are read in windows that overlap, so that memory stays bounded and weak signs far apart
        do not add up.
        """
        if len(text) <= WINDOW_CHARACTERS:
            return self._find_in_window(text, 0)
        return [finding for begin, window in _windows(text) for finding in self._find_in_window(window, begin)]

    def _find_in_window(self, window: str, begin: int) -> list[Finding]:
        plain_text = plain(window)
        plain_utf8 = plain_text.encode("utf-8")
        opened = self._signs.read(plain_utf8)
        if opened.families:
            score, heaviest = self._patterns.score(plain_utf8, opened.families)
            if score >= SCORE_MIN and (spoken := self._without_mentions(plain_text)) != plain_text:
                plain_text = spoken
                plain_utf8 = plain_text.encode("utf-8")
                opened = self._signs.read(plain_utf8)
                score, heaviest = self._patterns.score(plain_utf8, opened.families)
            if score >= SCORE_MIN:
                first, end = original_span(window, *self._patterns.span(heaviest, plain_text))
                return [Finding("PROMPT_INJECTION", begin + first, begin + end, score, "injection.patterns")]
        if not opened.disguised and not may_hold_base64(window):
            return []
        for disguise, score in self._disguised(window, plain_utf8, opened):
            if score >= SCORE_MIN:
                return [Finding("PROMPT_INJECTION", begin, begin + len(window), score, f"injection.{disguise}")]
        return []

    def _disguised(self, window: str, plain_utf8: bytes, opened: Opened) -> Iterator[tuple[str, float]]:
        if opened.joined:
            yield "joined", self._compact_patterns.score(compact(plain_utf8))[0]
        if opened.maybe_spaced and is_spaced(plain_utf8):
            yield "spaced", self._spaced_patterns.score(compact(plain_utf8))[0]
        if opened.leetspeak:
            letters = unleet(plain_utf8)
            read_as_letters = self._signs.read(letters)
            yield "leetspeak", self._patterns.score(letters, read_as_letters.families)[0]
            if read_as_letters.joined:
                yield "leetspeak", self._compact_patterns.score(compact(letters))[0]
        for hidden in base64_texts(window):
            hidden_utf8 = plain(hidden).encode("utf-8")
            yield "base64", self._patterns.score(hidden_utf8, self._signs.read(hidden_utf8).families)[0]

    def _without_mentions(self, plain_text: str) -> str:
        """The text with what is only mentioned blotted out, each place where it was.

        That is: what is not to be forgotten or ignored, and quotations in a short text that talks about them. The rest
        is judged again, so that a mention is no cover for saying the same thing in earnest.
        """
        spoken: str = self._negated.sub(_blot, plain_text)
        if len(spoken) <= _DISCUSSED_CHARACTERS_MAX:
            unquoted: str = self._quoted.sub(_blot, spoken)
            if unquoted != spoken and self._discussion.search(unquoted):
                return unquoted
        return spoken


def _blot(match: Any) -> str:
    return "~" * len(match.group())


def _windows(text: str) -> Iterator[tuple[int, str]]:
    """Where each window begins, and the window."""
    begin = 0
    while True:
        yield begin, text[begin : begin + WINDOW_CHARACTERS] if begin or len(text) > WINDOW_CHARACTERS else text
        if begin + WINDOW_CHARACTERS >= len(text):
            return
        begin += WINDOW_CHARACTERS - WINDOW_OVERLAP_CHARACTERS
