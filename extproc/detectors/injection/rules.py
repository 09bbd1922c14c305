"""Matches weighted patterns together, and separates mentions from statements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final

import re2

from extproc.detectors.injection.patterns import DISCUSSION, NEGATED, OTHERS, QUOTED, WeightedPattern
from extproc.detectors.text.automata import SpanPatterns, automaton, utf8_options

_AUTOMATON_BYTES_MAX: Final = 4 << 20
_SPAN_AUTOMATON_BYTES_MAX: Final = 1 << 20
_DISCUSSED_CHARACTERS_MAX: Final = 600
_COMMAND: Final = (
    r"\b(?:obey|execute|comply|carry out|(?:you|then|now|and) (?:must|will|do|follow|apply)"
    r"|do (?:it|so|this|that|as))\b"
)
"""Words around a quotation that make it an order."""


class PatternSet:
    """Weighted patterns, one automaton per family.

    Patterns with gaps multiply each other's states, so that one large automaton is many times slower on new text
    than several small ones.
    """

    def __init__(self, families: Sequence[Sequence[WeightedPattern]], expected: int = 0) -> None:
        """
        Args:
            expected: so many families, from the first, are compiled now. Each other one takes 0.1 MB and two to five
            milliseconds; it is compiled when it is first matched, which most processes never do.
        """
        weighted = [pattern for family in families for pattern in family]
        self._weights = [pattern.weight for pattern in weighted]
        self._spans = SpanPatterns([pattern.pattern for pattern in weighted], utf8_options(_SPAN_AUTOMATON_BYTES_MAX))
        self._families = families
        self._firsts = list(accumulate(map(len, families), initial=0))
        self._automata: list[Any] = [_automaton(family) for family in families[:expected]]
        self._automata += [None] * (len(families) - expected)
        self._all_families = tuple(range(len(families)))

    def score(self, plain_utf8: bytes, families: tuple[int, ...] | None = None) -> tuple[float, int]:
        """Probability that at least one match is meant (weights assumed independent), and the heaviest pattern's index.

        Args:
            plain_utf8: the text.
            families: numbers, in ascending order, of those to match; all if None.
        """
        matched = self._matched(plain_utf8, families)
        if not matched:
            return 0.0, -1
        doubt = math.prod(1.0 - self._weights[index] for index in matched)
        return 1.0 - doubt, max(matched, key=lambda index: (self._weights[index], -index))

    def matched(self, plain_text: str, families: tuple[int, ...] | None = None) -> list[tuple[str, float]]:
        """The text that each pattern matches, and the pattern's weight, the heaviest first; not for the path."""
        found: dict[str, float] = {}
        for index in self._matched(plain_text.encode("utf-8"), families):
            start, end = self.span(index, plain_text)
            text = plain_text[start:end]
            found[text] = max(found.get(text, 0.0), self._weights[index])
        return sorted(found.items(), key=lambda one: (-one[1], one[0]))

    def _matched(self, plain_utf8: bytes, families: tuple[int, ...] | None) -> list[int]:
        """The patterns of some families that match."""
        matched: list[int] = []
        for number in self._all_families if families is None else families:
            family = self._automata[number]
            if family is None:
                family = self._automata[number] = _automaton(self._families[number])
            if found := family.Match(plain_utf8):
                first = self._firsts[number]
                matched += [first + index for index in found]
        return matched

    def span(self, index: int, plain_text: str) -> tuple[int, int]:
        """Position of the first match of pattern ``index`` [characters of the plain form]."""
        match = self._spans.search(index, plain_text)
        return (match.start(), match.end()) if match else (0, len(plain_text))


def _automaton(family: Sequence[WeightedPattern]) -> Any:
    return automaton([pattern.pattern for pattern in family], utf8_options(_AUTOMATON_BYTES_MAX))


class Mentions:
    """Separates what a text says from what it only mentions."""

    def __init__(self) -> None:
        self._discussion = re2.compile(DISCUSSION)
        self._quoted = re2.compile(QUOTED)
        self._command = re2.compile(_COMMAND)
        self._unmeant = re2.compile(f"{NEGATED}|{OTHERS}")

    def without(self, plain_text: str) -> str:
        """The text with mentions blanked out in place.

        Mentions are: things not to be forgotten or ignored, reports about others, and quotations in a short
        text that discusses them. The rest is checked again, so that a mention does not cover the same statement
        made in earnest.
        """
        spoken: str = self._unmeant.sub(_blot, plain_text)
        if len(spoken) <= _DISCUSSED_CHARACTERS_MAX:
            unquoted: str = self._quoted.sub(_blot, spoken)
            if unquoted != spoken and self._discussion.search(unquoted) and not self._command.search(unquoted):
                return unquoted
        return spoken


def _blot(match: Any) -> str:
    return "~" * len(match.group())
