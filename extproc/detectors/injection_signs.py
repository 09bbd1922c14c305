"""Which patterns a text could match at all, told in one pass, so that honest text is spared most of the work.

Every pattern names signs that each of its matches holds (``injection_patterns``). All signs stand in one automaton. It
stays small and therefore fast, since signs are short words from a word's beginning: no gap, few repetitions. The marks
of a disguise are signs too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import re2

from extproc.detectors.hidden_text import TURNED
from extproc.detectors.injection_patterns import WeightedPattern
from extproc.detectors.normalise import LEETSPEAK, SEPARATORS, SPACED_SIGN

_AUTOMATON_BYTES_MAX = 16 << 20
_ANSWERS_MAX = 1_024


class Opened(NamedTuple):
    """What is worth asking of a text: families by number, and its disguised readings."""

    families: tuple[int, ...] = ()
    joined: bool = False
    maybe_spaced: bool = False
    leetspeak: bool = False
    turned: bool = False
    disguised: bool = False
    """Whether any of the four before."""


_NOTHING = Opened()


class SignReader:
    """Looks for the signs of all patterns at once.

    A sign that suffices alone shares its place in the automaton with the others of its family.
    """

    def __init__(self, families: Sequence[Sequence[WeightedPattern]], compact: Sequence[WeightedPattern]) -> None:
        self._places: dict[str, int] = {}
        self._needs = [self._needs_of(family) for family in families]
        words = sorted({word for pattern in compact for word in pattern.signs})
        self._joined = self._place("|".join(SEPARATORS.join(word) for word in words))
        self._spaced = self._place(SPACED_SIGN)
        self._leetspeak = self._place(LEETSPEAK)
        self._turned = self._place(TURNED)
        self._automaton = _automaton(self._places)
        self._opened = lru_cache(_ANSWERS_MAX)(self._open)

    def read(self, plain_utf8: bytes) -> Opened:
        """What the plain form could match, and as what it should be read again; linear in its length."""
        found = self._automaton.Match(plain_utf8)
        return self._opened(tuple(found)) if found else _NOTHING

    def _needs_of(self, family: Sequence[WeightedPattern]) -> set[frozenset[int]]:
        """Sets of places; one that was found whole opens the family."""
        alone = sorted({pattern.signs[0] for pattern in family if len(pattern.signs) == 1})
        together = {pattern.signs for pattern in family if len(pattern.signs) > 1}
        needs = {frozenset(map(self._place, signs)) for signs in together}
        return needs | {frozenset({self._place("|".join(alone))})} if alone else needs

    def _place(self, sign: str) -> int:
        return self._places.setdefault(sign, len(self._places))

    def _open(self, found: tuple[int, ...]) -> Opened:
        places = frozenset(found)
        return Opened(
            tuple(number for number, needs in enumerate(self._needs) if any(need <= places for need in needs)),
            self._joined in places,
            self._spaced in places,
            self._leetspeak in places,
            self._turned in places,
            not places.isdisjoint((self._joined, self._spaced, self._leetspeak, self._turned)),
        )


def _automaton(patterns: Iterable[str]) -> Any:
    options = re2.Options()
    options.max_mem = _AUTOMATON_BYTES_MAX
    options.log_errors = False
    automaton = re2.Set.SearchSet(options)
    for pattern in patterns:
        automaton.Add(pattern)
    automaton.Compile()
    return automaton
