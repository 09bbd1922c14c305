"""Postal addresses: a street with a house number, and a postcode or a place behind, or a word for an address before.

An address is a row of parts, often in lines of their own. So it is longer than a cell (see ``cells``), and a stage of
its own searches it (``filters.postal_addresses``). A finding depends on at most ``ADDRESS_CHARS_MAX`` characters from
its start, and on ``CONTEXT_CHARS_MAX`` before it. Text at the end that may still become an address is a prefix of a
match. The pattern for such prefixes is derived from that for addresses, so a stage never holds too little, and rarely
too much.

There is no list of streets or places. A number and a name are an address with a postcode in a form of a country's own;
with a place alone, only if a word says that it is a street; with neither, only behind a word for an address.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from functools import cache
from typing import Any, Final, NamedTuple

from extproc.detectors.pii import postal_parts as parts
from extproc.detectors.pii.beginnings import beginnings_at_end
from extproc.detectors.pii.pattern_beginnings import Beginnings
from extproc.detectors.pii.postal_cues import (
    CONTEXT_CHARS_MAX,
    is_cued,
    is_cued_closely,
    is_cued_closely_elsewhere,
    may_stand_at,
    stands_at,
)
from extproc.detectors.text.automata import compiled_on_use
from extproc.detectors.text.folding import folded_bytes
from extproc.detectors.text.latin1 import WORD_BYTES, latin1_options, latin1_pattern
from extproc.domain.finding import Finding

POSTAL_ADDRESS: Final = "POSTAL_ADDRESS"
DETECTOR: Final = "pii.postal_address"
ABOUT: Final = (
    "postal addresses: street and house number, with postcode or place behind, or with a word for an address before;"
    " off by default: answers often have those of shops and offices"
)
ADDRESS_CHARS_MAX: Final = 200
"""An address is at most one character shorter."""
_PATTERN_BYTES_MAX: Final = 32 << 20  # with less, the longest pattern is matched without an automaton
_SCORE: Final = 0.8
_SCORE_CUED: Final = 0.7

# --- patterns -------------------------------------------------------------------------------------------------------

_APART: Final = rf"(?:{parts.GAP}|{parts.BLANK})"
_FLAT: Final = rf"{parts.FLAT}{_APART}"
_BEHIND_HOUSE: Final = rf"(?:(?:{_FLAT})?{parts.HOUSE}{_APART}|{_FLAT}){parts.NAMES_BEHIND_HOUSE}"
_TYPED_BEHIND_HOUSE: Final = rf"(?:{_FLAT})?(?:{parts.ENGLISH_STREET}|{parts.FRENCH_STREET})"
_TYPED: Final = rf"(?:{_TYPED_BEHIND_HOUSE}|{parts.NUMBERED_STREET})"
_BOX: Final = rf"(?:{parts.POST_BOX}|{parts.MILITARY_BOX})"
_TO_TAIL: Final = rf"{parts.MORE}{parts.GAP}"
_STRICT: Final = (
    rf"\b{_BEHIND_HOUSE}{_TO_TAIL}{parts.ENGLISH_TAIL}",
    rf"\b(?:{_TYPED}|{parts.OFTEN_STREET}){_TO_TAIL}{parts.TAIL}",
    rf"\b{parts.NAMES_BEFORE_HOUSE}{_TO_TAIL}{parts.PLAIN_TAIL}",
    rf"\b{_BOX}{_TO_TAIL}(?:{parts.ENGLISH_TAIL}|{parts.MILITARY_TAIL}|{parts.TAIL})",
)
"""With a postcode."""
_IN_HOUSE: Final = rf"(?:,?{parts.BLANK}{parts.UNIT})?"
_TO_PLACE: Final = rf"{_IN_HOUSE},{parts.BLANK}{parts.PLACE}"
_LOOSE: Final = rf"\b{_TYPED}{_TO_PLACE}"
"""With a place alone."""
_CUED: Final = rf"\b(?:(?:{_TYPED}|{parts.OFTEN_STREET}){_IN_HOUSE}|{_BEHIND_HOUSE}{_TO_PLACE})"
"""With a word for an address before."""
_NUMBER_AND_NAMES: Final = rf"\b{parts.FEW_NAMES_BEHIND_HOUSE}{_IN_HOUSE}"
"""With such a word directly before."""
_NAMES_AND_NUMBER: Final = rf"\b{parts.NAMES_BEFORE_HOUSE}{_IN_HOUSE}"
"""The same, in languages in which the number stands behind the street."""
_ENDED: Final = rf"\b({_TYPED}{_IN_HOUSE})(?:[.,;:!?)\]\"]|{parts.LINE_END}|$)"
"""At the start of a line, or with a word such as *from* directly before."""
_TO_EITHER: Final = rf"(?:{_TO_TAIL}{parts.TAIL}|{_TO_PLACE})"
_PREFIXES: Final = (
    rf"{_BEHIND_HOUSE}(?:{_TO_TAIL}{parts.ENGLISH_TAIL}|{_TO_PLACE})",
    rf"{_TYPED_BEHIND_HOUSE}{_TO_EITHER}",
    rf"(?:{parts.NUMBERED_STREET}|{parts.OFTEN_STREET}){_TO_EITHER}",
    *_STRICT[2:],
)
"""Their matches have the same prefixes as those of all patterns above. One for all would exceed an automaton."""


def _options() -> Any:
    options = latin1_options()
    options.max_mem = _PATTERN_BYTES_MAX
    options.longest_match = True
    return options


def _compiled(pattern: str) -> Any:
    return compiled_on_use(pattern.encode("latin-1"), _options)


_strict, _loose, _cued = [_compiled(pattern) for pattern in ("|".join(_STRICT), _LOOSE, _CUED)]
_number_and_names, _names_and_number = _compiled(_NUMBER_AND_NAMES), _compiled(_NAMES_AND_NUMBER)
_ended = _compiled(_ENDED)
_possible = _compiled(
    "|".join((*_STRICT, _CUED, _NUMBER_AND_NAMES))
)  # matches where any of these does but ``_names_and_number``
_candidate = _compiled(rf"\b{parts.CANDIDATE}")


@cache
def _begun() -> tuple[Any, ...]:
    """Each matches, whole, what may become an address."""
    return tuple(_compiled(Beginnings(pattern).pattern) for pattern in _PREFIXES)


@cache
def _begun_candidate() -> Any:
    """Matches what may become a candidate, at the end of a text."""
    return _compiled(beginnings_at_end(rf"\b{parts.CANDIDATE}"))


_counts = _compiled(
    rf"\b(?:{_TYPED}|{parts.OFTEN_STREET}|{parts.NAMES_BEFORE_HOUSE}{parts.GAP}(?:[A-Z]{{1,2}}-)?[0-9]{{3}}"
    rf"|{_BEHIND_HOUSE}{_TO_PLACE},?{parts.BLANK}[A-Z]{{2}}{parts.BLANK}?[0-9])"
)
"""What is the beginning of an address, if the text is cut off behind it."""
_DIGIT: Final = re.compile(rb"[0-9]")
_YEAR: Final = latin1_pattern(r"(?:^| )(?:1[89]|20)[0-9]{2}(?:[, ]|$)")
_NO_PLACE: Final = frozenset((
    b"The And But He She It I We You They In On At Then This That These Where Who What When If For With His Her Its My"
    b" Our Their Suite Ste Floor Floors Building Apt Unit A An As By From To Is Are Was Mr Mrs Ms Dr Note Yes No Please"
).split())  # fmt: skip
"""Words that begin a clause, or another part of an address, behind a street."""

# --- searching ------------------------------------------------------------------------------------------------------


class AddressScan(NamedTuple):
    """What a text has from a position on: an address, or, if ``end`` is ``start``, none that begins before there."""

    start: int
    end: int
    score: float = 0.0


def scan(subject: bytes, at: int, *, complete: bool) -> AddressScan:
    """The first address from ``at``; or where one may begin that later text decides about.

    Args:
        subject: ``postal_bytes`` of a text; of what precedes ``at``, ``CONTEXT_CHARS_MAX`` characters decide.
        complete: no text follows.
    """
    open_from = len(subject) if complete else _open_from(subject, at)
    if _DIGIT.search(subject, at) is None:
        return AddressScan(open_from, open_from)
    position = at
    while (match := _candidate.search(subject, position)) is not None and match.start() < open_from:
        start = int(match.start())
        if _may_begin(subject, start):
            if not complete and _is_open(subject, start):
                return AddressScan(start, start)
            end, score = _address_at(subject, start)
            if end:
                return AddressScan(start, end, score)
        position = _next_word(subject, start)
    return AddressScan(open_from, open_from)


def prepare_addresses() -> None:
    """Compile the longest patterns, which takes some tenths of a second: better not while a text waits."""
    for pattern in (_strict, _loose, _cued, _ended, _possible, _candidate, _counts, _begun_candidate(), *_begun()):
        pattern.search(b"")


def counts_as_begun(subject: bytes, start: int) -> bool:
    """Whether a text that is cut off ends with enough of an address. Args: start: where one may begin (``scan``)."""
    return _counts.match(subject[max(0, start - 1) :], min(start, 1)) is not None


def may_hold_address(text: str) -> bool:
    """Whether a text may hold an address, or its last line be the beginning of one."""
    return _candidate.search(postal_bytes(text)) is not None


def postal_addresses(text: str) -> list[Finding]:
    """All addresses of a whole text, in order."""
    subject, found, at = postal_bytes(text), [], 0
    while (one := scan(subject, at, complete=True)).end > one.start:
        found.append(Finding(POSTAL_ADDRESS, one.start, one.end, one.score, DETECTOR))
        at = one.end
    return found


def _open_from(subject: bytes, at: int) -> int:
    """Where the first candidate may begin of which the end of a text is a prefix."""
    position = max(at, len(subject) - ADDRESS_CHARS_MAX + 1)
    while (match := _begun_candidate().search(subject, position)) is not None and match.start() < len(subject):
        if _may_begin(subject, int(match.start())):
            return int(match.start())
        position = match.start() + 1
    return len(subject)


def _is_open(subject: bytes, start: int) -> bool:
    """Whether what begins with this candidate may become an address by later text, or another one."""
    if start + ADDRESS_CHARS_MAX <= len(subject):
        return False
    begun = subject[start:]
    return any(pattern.fullmatch(begun) is not None for pattern in _begun())


def _may_begin(subject: bytes, start: int) -> bool:
    """Whether neither a word nor a number continues here."""
    before = subject[max(0, start - 2) : start]
    if not before:
        return True
    if before[-1] in WORD_BYTES or before[-1] in b"'@#$&=+-/.":
        return False
    is_number = subject[start] in b"0123456789"
    return not (is_number and (before[-1] in b"\xa3\x80" or (before[-1] in b" \xa0,:" and before[0] in b"0123456789")))


def _next_word(subject: bytes, start: int) -> int:
    position = start + 1
    while position < len(subject) and subject[position - 1] in WORD_BYTES:
        position += 1
    return position


class _Window:
    """As much of a text as an address that begins at ``start`` may have, and a character before it."""

    __slots__ = ("_bytes", "_first", "_is_full", "_start")

    def __init__(self, subject: bytes, start: int) -> None:
        self._first = max(0, start - 1)
        self._start = start - self._first
        self._bytes = subject[self._first : start + ADDRESS_CHARS_MAX]
        self._is_full = start + ADDRESS_CHARS_MAX <= len(subject)

    def matches(self, pattern: Any) -> bool:
        """Whether a match begins at the start, wherever it ends."""
        return pattern.match(self._bytes, self._start) is not None

    def end_of(self, pattern: Any, group: int = 0) -> int:
        """Where a match ends that begins at the start; 0 if there is none, or if it may be longer than the window."""
        match = pattern.match(self._bytes, self._start)
        if match is None or (self._is_full and match.end() == len(self._bytes)):
            return 0
        return self._first + int(match.end(group))


def _address_at(subject: bytes, start: int) -> tuple[int, float]:
    """End and score of the address that begins with a candidate; 0 if none does."""
    window = _Window(subject, start)
    before = subject[max(0, start - CONTEXT_CHARS_MAX) : start]
    if not window.matches(_possible):
        return _named_end(window, before), _SCORE_CUED
    if end := window.end_of(_strict):
        return end, _SCORE
    if (end := window.end_of(_loose)) and not _is_prose(subject[start:end]):
        return end, _SCORE
    return _cued_end(window, before, subject, start), _SCORE_CUED


def _cued_end(window: _Window, before: bytes, subject: bytes, start: int) -> int:
    """The end of an address that is one by what stands before; 0 if it is none."""
    cued = is_cued(before)
    if (cued or stands_at(before)) and (end := window.end_of(_cued)):
        return end if cued or not _has_year(subject[start:end]) else 0
    if cued and is_cued_closely(before) and (end := window.end_of(_number_and_names)):
        return end
    if end := _named_end(window, before):
        return end
    end = window.end_of(_ended, 1) if may_stand_at(before) else 0
    # Without an end, compiled code would not cut: mypyc knows no slice that ends before it begins.
    return 0 if not end or _has_year(subject[start:end]) else end


def _named_end(window: _Window, before: bytes) -> int:
    """The end of a name and a number that are an address by what stands directly before; 0 if they are none."""
    closely = is_cued_closely_elsewhere(before) and is_cued(before)
    return window.end_of(_names_and_number) if closely else 0


def _is_prose(address: bytes) -> bool:
    """Whether a street and a place may be a year, or the beginning of a clause."""
    return address.rpartition(b",")[2].split()[0] in _NO_PLACE or _has_year(address)


def _has_year(address: bytes) -> bool:
    return _YEAR.search(address) is not None


# --- as bytes -------------------------------------------------------------------------------------------------------

_HANDLER: Final = "extproc.postal_addresses"
_CACHED_CHARACTERS_MAX: Final = 8_192


def postal_bytes(text: str) -> bytes:
    """One byte a character: letters beyond Latin-1 without their marks, and blanks, hyphens and digits as ASCII."""
    return text.encode("latin-1", _HANDLER)


class _Letters(dict[int, str]):
    """``str.translate`` table that fills itself, up to a size: texts use only a few characters."""

    def __missing__(self, code: int) -> str:
        base = unicodedata.normalize("NFD", chr(code))[0]
        letter = base if base.isascii() else folded_bytes(chr(code)).decode("latin-1")
        if len(self) < _CACHED_CHARACTERS_MAX:
            self[code] = letter
        return letter


_LETTERS: Final = _Letters({0x142: "l", 0x141: "L", 0x111: "d", 0x110: "D", 0x131: "i", 0x2019: "'", 0x2BC: "'"})


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return error.object[error.start : error.end].translate(_LETTERS), error.end


codecs.register_error(_HANDLER, _replace)
