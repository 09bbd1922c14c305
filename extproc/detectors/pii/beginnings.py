"""Detects beginnings of values at the end of a truncated text.

A truncated value cannot be validated: its checksum and length are missing. So at such an end, a match of the value's
shape counts from a minimum length that each kind defines; anything shorter is released, and reveals no value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import re2

from extproc.detectors.pii.pattern_beginnings import Beginnings, PatternNotRead
from extproc.detectors.text.latin1 import DIGIT_BYTES, WORD_BYTES, latin1_pattern

Begun = tuple[str, int]
"""Kind of value, and its start [characters]; it extends to the end of the text."""

BeginningFinder = Callable[[bytes, str, int], Begun | None]
"""From the Latin-1 bytes, their text, and the start of the last cell: a possible beginning in it."""

BeginningCounts = Callable[[bytes, str, int], bool]
"""From the same, plus its start: whether it is long enough and in a valid position."""

_LETTERS_AND_DIGITS: Final = WORD_BYTES - {0x5F}
_STARTS_MAX: Final = 32
"""Limit of tried positions. A text with more is adversarial, and counts as a beginning from there on."""


def beginnings_at_end(pattern: str) -> str:
    """Pattern (RE2) for all prefixes of matches of ``pattern``, at the end of a text. Raises: PatternNotRead."""
    return f"{Beginnings(pattern).pattern}$"


def shaped_like(kind: str, pattern: str, counts: BeginningCounts) -> BeginningFinder:
    """A finder of prefixes of matches of ``pattern`` (RE2, Latin-1)."""
    return ending_like(kind, beginnings_at_end(pattern), counts)


def ending_like(kind: str, pattern: str, counts: BeginningCounts) -> BeginningFinder:
    """A finder of matches of ``pattern``, which ends in ``$``: the longest that counts."""
    compiled = latin1_pattern(pattern)

    def find(subject: bytes, text: str, begin: int) -> Begun | None:
        position = begin
        for _ in range(_STARTS_MAX):
            match = compiled.search(subject, position)
            if match is None or match.start() == len(subject):
                return None
            start = int(match.start())
            if counts(subject, text, start):
                return kind, start
            position = _word_after(subject, start)
        return (kind, position) if position < len(subject) else None

    return find


def _word_after(subject: bytes, start: int) -> int:
    """The next position after ``start`` that is not within a word: values begin nowhere else."""
    position = start + 1
    while position < len(subject) and subject[position - 1] in _LETTERS_AND_DIGITS:
        position += 1
    return position


def first_of(finders: Sequence[BeginningFinder], gate: str) -> BeginningFinder:
    """A finder of the longest result of any finder, if ``gate`` (RE2, Latin-1) matches, including one character before
    it.

        Patterns with counted repetitions are expensive together: each count is another state.
    """
    opens = latin1_pattern(gate)

    def find(subject: bytes, text: str, begin: int) -> Begun | None:
        longest: Begun | None = None
        if opens.search(subject, max(0, begin - 1)) is not None:
            for finder in finders:
                begun = finder(subject, text, begin)
                if begun is not None and (longest is None or begun[1] < longest[1]):
                    longest = begun
        return longest

    return find


def custom_beginnings(
    kind: str, pattern: str, cued: Callable[[str, int], bool], custom_chars_min: int
) -> BeginningFinder | None:
    """For a configured pattern: half of the shortest match counts; None if prefixes cannot be derived."""
    try:
        known = Beginnings(pattern)
        chars_min = max(custom_chars_min, (known.chars_min + 1) // 2)

        def counts(subject: bytes, text: str, start: int) -> bool:
            return len(subject) - start >= chars_min and cued(text, start)

        return ending_like(kind, f"{known.pattern}$", counts)
    except (PatternNotRead, re2.error):
        return None


def begins_alone(subject: bytes, start: int) -> bool:
    """Whether no word continues into ``subject[start:]``, and no number across ``.``, ``-`` or ``/``."""
    if start and subject[start - 1] in WORD_BYTES:
        return False
    before = subject[max(0, start - 2) : start]
    return not (len(before) == 2 and before[0] in DIGIT_BYTES and before[1] in b".-/")


def digits_in(subject: bytes, start: int) -> int:
    """Number of ASCII digits from ``start``."""
    return sum([byte in DIGIT_BYTES for byte in subject[start:]])


def word_chars_in(subject: bytes, start: int) -> int:
    """Number of letters and digits from ``start``, without group separators."""
    return sum([byte in WORD_BYTES for byte in subject[start:]])
