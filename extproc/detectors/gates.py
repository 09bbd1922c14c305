"""The cheap look before the dear ones: which finders could find anything in a text, told by a few automata.

An automaton over many patterns remembers how far each of them has come. Patterns of one family keep that small;
patterns of several multiply it, until a text of random digits makes a new state for nearly each byte. So each family
has an automaton of its own, and a pattern that nobody has measured (one of the configuration) is tried by itself: RE2
matches a single pattern that grows too large without states, more slowly but in proportion to the text.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import re2

from extproc.detectors.latin1 import latin1_options, latin1_pattern

_AUTOMATON_BYTES_MAX = 16 << 20


class GateFamily(StrEnum):
    """Gates that share an automaton."""

    WORDS = "words"  # begin with a sign of their own
    NUMBERS = "numbers"  # rows of digits
    SHAPES = "shapes"  # digits and letters in some order
    VARIETY = "variety"  # count the characters of a word, and of which classes they are
    ALONE = "alone"  # each by itself


class Gates:
    """Gates by the number in which they were added. Patterns are RE2's, over Latin-1."""

    def __init__(self) -> None:
        self._sets: dict[GateFamily, Any] = {}
        self._places: dict[GateFamily, list[int]] = {}
        self._alone: list[tuple[int, Any]] = []
        self._automata: list[tuple[Any, list[int]]] = []
        self._count = 0

    def add(self, pattern: str, family: GateFamily) -> None:
        """Add the next gate."""
        if family is GateFamily.ALONE:
            self._alone.append((self._count, latin1_pattern(pattern)))
        else:
            self._of(family).Add(pattern.encode("latin-1"))
            self._places[family].append(self._count)
        self._count += 1

    def _of(self, family: GateFamily) -> Any:
        if family not in self._sets:
            options = latin1_options()
            options.max_mem = _AUTOMATON_BYTES_MAX
            self._sets[family] = re2.Set.SearchSet(options)
            self._places[family] = []
        return self._sets[family]

    def compile(self) -> None:
        """No gate follows."""
        for automaton in self._sets.values():
            automaton.Compile()
        self._automata = [(automaton, self._places[family]) for family, automaton in self._sets.items()]

    def any_alone_open(self, subject: bytes) -> bool:
        """Whether any gate without a family is open for a text of Latin-1 bytes."""
        return any(pattern.search(subject) is not None for _, pattern in self._alone)

    def opened(self, subject: bytes) -> list[int]:
        """The gates that are open for a text, in order."""
        found = [places[place] for automaton, places in self._automata for place in automaton.Match(subject) or ()]
        found += [number for number, pattern in self._alone if pattern.search(subject) is not None]
        found.sort()
        return found
