"""Prefilter: which patterns could match a text, in one pass, so that benign text is spared most of the work.

Every pattern lists signs that each of its matches contains (``injection_patterns``). Nearly all signs are in one
automaton. It stays small and fast, since signs are short words anchored at a word's beginning: no gaps, few
repetitions. Marks of disguises are signs too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from extproc.detectors.injection.patterns import WeightedPattern
from extproc.detectors.text.automata import automaton, utf8_options
from extproc.detectors.text.hidden_text import TURNED, TURNED_WITHOUT_BLANKS
from extproc.detectors.text.normalize import LEETSPEAK, MISSPELLED, PARTED_SIGN, SEPARATORS, SPACED_SIGN

_AUTOMATON_BYTES_MAX: Final = 16 << 20
_ANSWERS_MAX: Final = 1_024


class Opened(NamedTuple):
    """What to match in a text: family numbers, and its disguised readings."""

    families: tuple[int, ...] = ()
    joined: bool = False
    maybe_spaced: bool = False
    leetspeak: bool = False
    misspelled: bool = False
    turned: bool = False
    parted: bool = False


_NOTHING: Final = Opened()


class SignReader:
    """Searches for the signs of all patterns at once.

    A sign that suffices alone shares its slot in the automaton with the others of its family. Two kinds have their
    own automaton: signs with letters beyond ASCII, for texts that contain such letters; and words that may be
    broken anywhere, whose states would multiply those of all others.
    """

    def __init__(self, families: Sequence[Sequence[WeightedPattern]], compact: Sequence[WeightedPattern]) -> None:
        numbers: dict[str, int] = {}
        self._needs = [_needs_of(family, numbers) for family in families]
        words = sorted({word for pattern in compact for word in pattern.signs})
        options = utf8_options(_AUTOMATON_BYTES_MAX)
        self._joined_automaton = automaton(["|".join(SEPARATORS.join(word) for word in words)], options)
        self._spaced = _number_of(SPACED_SIGN, numbers)
        self._leetspeak = _number_of(LEETSPEAK, numbers)
        self._misspelled = _number_of(MISSPELLED, numbers)
        self._turned = frozenset(_number_of(sign, numbers) for sign in (TURNED, TURNED_WITHOUT_BLANKS))
        self._parted = _number_of(PARTED_SIGN, numbers)
        in_ascii = {sign: number for sign, number in numbers.items() if not _is_beyond_ascii(sign)}
        others = {sign: number for sign, number in numbers.items() if sign not in in_ascii}
        self._ascii_numbers, self._other_numbers = list(in_ascii.values()), list(others.values())
        self._ascii_automaton = automaton(in_ascii, options)
        self._other_automaton = automaton(others, options)
        self._opened = lru_cache(_ANSWERS_MAX)(self._open)

    def read(self, plain_utf8: bytes) -> Opened:
        """What the plain form could match, and how it should be read again; linear in its length."""
        found = self._ascii_automaton.Match(plain_utf8)
        others = None if plain_utf8.isascii() else self._other_automaton.Match(plain_utf8)
        joined = self._joined_automaton.Match(plain_utf8)
        if not (found or others or joined):
            return _NOTHING
        return self._opened(tuple(found or ()), tuple(others or ()), bool(joined))

    def _open(self, found: tuple[int, ...], others: tuple[int, ...], joined: bool) -> Opened:
        signs = {self._ascii_numbers[place] for place in found} | {self._other_numbers[place] for place in others}
        return Opened(
            tuple(number for number, needs in enumerate(self._needs) if any(need <= signs for need in needs)),
            joined,
            self._spaced in signs,
            self._leetspeak in signs,
            self._misspelled in signs,
            not self._turned.isdisjoint(signs),
            self._parted in signs,
        )


def _needs_of(family: Sequence[WeightedPattern], numbers: dict[str, int]) -> set[frozenset[int]]:
    """Sets of signs, by number; a set found completely opens the family."""
    alone = sorted({pattern.signs[0] for pattern in family if len(pattern.signs) == 1})
    together = {pattern.signs for pattern in family if len(pattern.signs) > 1}
    needs = {frozenset(_number_of(sign, numbers) for sign in signs) for signs in together}
    return needs | {frozenset({_number_of("|".join(alone), numbers)})} if alone else needs


def _number_of(sign: str, numbers: dict[str, int]) -> int:
    return numbers.setdefault(sign, len(numbers))


def _is_beyond_ascii(sign: str) -> bool:
    """Whether every match has letters beyond ASCII, of scripts in which RE2 sees no word boundary."""
    return not sign.isascii() and r"\b" not in sign
