"""What stands at the end of a text that was cut off, and may be the beginning of a value.

A value that is cut cannot be recognized: its checksum and its length are missing. So at such an end what has the shape
of a beginning counts, from the length on that each kind states; less than that is shown, and tells no value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import re2

from extproc.detectors.pii.pattern_beginnings import Beginnings, PatternNotRead
from extproc.detectors.text.latin1 import DIGIT_BYTES, WORD_BYTES, latin1_pattern

Begun = tuple[str, int]
"""The kind of value, and where it begins [characters]; it goes on to the end of the text."""

BeginningFinder = Callable[[bytes, str, int], Begun | None]
"""From the Latin-1 bytes, the text they are of, and where the last cell begins: what may have begun there."""

BeginningCounts = Callable[[bytes, str, int], bool]
"""From the same, with where it begins: whether that is long enough, and may stand there."""

_LETTERS_AND_DIGITS = WORD_BYTES - {0x5F}
_STARTS_MAX = 32
"""So many places are tried. A text that has more is made for it, and is taken for a beginning from there on."""


def beginnings_at_end(pattern: str) -> str:
    """Pattern (RE2) for all beginnings of what ``pattern`` matches, at the end of a text. Raises: PatternNotRead."""
    return f"{Beginnings(pattern).pattern}$"


def shaped_like(kind: str, pattern: str, counts: BeginningCounts) -> BeginningFinder:
    """A finder of what may become a match of ``pattern`` (RE2, Latin-1)."""
    return ending_like(kind, beginnings_at_end(pattern), counts)


def ending_like(kind: str, pattern: str, counts: BeginningCounts) -> BeginningFinder:
    """A finder of what matches ``pattern``, which ends in ``$``: the longest that counts."""
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
    """The next place behind ``start`` that is not within a word: elsewhere no value begins."""
    position = start + 1
    while position < len(subject) and subject[position - 1] in _LETTERS_AND_DIGITS:
        position += 1
    return position


def first_of(finders: Sequence[BeginningFinder], gate: str) -> BeginningFinder:
    """A finder of the longest that any finds, where ``gate`` (RE2, Latin-1) matches, with a character before it.

    Patterns that count characters are dear together: each of their counts is another state.
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
    """For a pattern of the configuration: half of the shortest match counts; None where beginnings cannot be told."""
    try:
        known = Beginnings(pattern)
        chars_min = max(custom_chars_min, (known.chars_min + 1) // 2)

        def counts(subject: bytes, text: str, start: int) -> bool:
            return len(subject) - start >= chars_min and cued(text, start)

        return ending_like(kind, f"{known.pattern}$", counts)
    except (PatternNotRead, re2.error):
        return None


def begins_alone(subject: bytes, start: int) -> bool:
    """Whether no word goes on into ``subject[start:]``, and no number across ``.``, ``-`` or ``/``."""
    if start and subject[start - 1] in WORD_BYTES:
        return False
    before = subject[max(0, start - 2) : start]
    return not (len(before) == 2 and before[0] in DIGIT_BYTES and before[1] in b".-/")


def digits_in(subject: bytes, start: int) -> int:
    """How many ASCII digits stand from ``start`` on."""
    return sum([byte in DIGIT_BYTES for byte in subject[start:]])


def word_chars_in(subject: bytes, start: int) -> int:
    """How many letters and digits stand from ``start`` on, without what separates groups."""
    return sum([byte in WORD_BYTES for byte in subject[start:]])
