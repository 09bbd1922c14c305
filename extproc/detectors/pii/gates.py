"""Prefilters: a few automata tell which finders could find anything in a text, before the expensive ones run.

Most patterns need a long number, or a word with a digit in it, which most texts lack. If the common condition of all of
them does not match, none is tried.

An automaton over many patterns tracks the progress of each of them. Patterns of one family keep the number of states
small; patterns of several families multiply it, until a text of random digits creates a new state for nearly each byte.
So each family has its own automaton, and a pattern of unknown cost (from the configuration) is tried alone: RE2 matches
a single pattern that grows too large without states, slower but in linear time.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from extproc.detectors.text.automata import automaton
from extproc.detectors.text.latin1 import latin1_options, latin1_pattern

_AUTOMATON_BYTES_MAX: Final = 16 << 20


class GateFamily(StrEnum):
    """Gates that share an automaton."""

    WORDS = "words"  # begin with a distinctive mark
    DATES = "dates"  # may need a single digit
    NUMBERS = "numbers"  # rows of digits
    SHAPES = "shapes"  # digits and letters in some order
    VARIETY = "variety"  # count the characters of a word, by class
    ALONE = "alone"  # each alone


_CONDITIONAL: Final = frozenset({GateFamily.NUMBERS, GateFamily.SHAPES, GateFamily.VARIETY})


class Gates:
    """Gates, numbered in the order they were added. Patterns are RE2's, over Latin-1.

    Args:
        condition: matches every text for which a gate of NUMBERS, SHAPES or VARIETY is open; they are only tried if
        it matches.
        condition_bytes_min: minimum length of each such text.
    """

    def __init__(self, condition: str = "", condition_bytes_min: int = 0) -> None:
        self._condition = _automaton([condition])
        self._condition_bytes_min = condition_bytes_min
        self._patterns: dict[GateFamily, list[str]] = {}
        self._places: dict[GateFamily, list[int]] = {}
        self._alone: list[tuple[int, Any]] = []
        self._always: list[tuple[Any, list[int]]] = []
        self._conditional: list[tuple[Any, list[int]]] = []
        self._count = 0

    def add(self, pattern: str, family: GateFamily) -> None:
        """Add the next gate."""
        if family is GateFamily.ALONE:
            self._alone.append((self._count, latin1_pattern(pattern)))
        else:
            self._patterns.setdefault(family, []).append(pattern)
            self._places.setdefault(family, []).append(self._count)
        self._count += 1

    def compile(self) -> None:
        """No further gates are added."""
        for family, patterns in self._patterns.items():
            automata = self._conditional if family in _CONDITIONAL else self._always
            automata.append((_automaton(patterns), self._places[family]))

    def any_alone_open(self, subject: bytes) -> bool:
        """Whether any gate without a family is open for a text of Latin-1 bytes."""
        return any(pattern.search(subject) is not None for _, pattern in self._alone)

    def opened(self, subject: bytes) -> list[int]:
        """The gates that are open for a text, in order."""
        found: list[int] = []
        for gates, places in self._always:
            if matched := gates.Match(subject):
                found += [places[place] for place in matched]
        if len(subject) >= self._condition_bytes_min and self._condition.Match(subject):
            for gates, places in self._conditional:
                if matched := gates.Match(subject):
                    found += [places[place] for place in matched]
        if self._alone:
            found += [number for number, pattern in self._alone if pattern.search(subject) is not None]
        found.sort()
        return found


def _automaton(patterns: Iterable[str]) -> Any:
    options = latin1_options()
    options.max_mem = _AUTOMATON_BYTES_MAX
    return automaton([pattern.encode("latin-1") for pattern in patterns], options)
