"""National id numbers, and passports.

One pass matches the shapes of all kinds; the shape tells which kinds are possible, the check digits which are valid.
Where one number in ten would pass by chance, a context word is required before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

import re2

from extproc.detectors.pii.beginnings import Begun, begins_alone
from extproc.detectors.pii.id_numbers import IdNumber
from extproc.detectors.pii.ids_elsewhere import ELSEWHERE
from extproc.detectors.pii.ids_of_europe import EUROPE
from extproc.detectors.pii.recognizer import CELL_END, Candidate
from extproc.detectors.text.automata import compiled_on_use
from extproc.detectors.text.latin1 import DIGIT_BYTES, latin1_pattern, stands_alone

_CUE_CHARS_MAX: Final = 40

NUMBERS: Final = (*EUROPE, *ELSEWHERE)

NATIONAL_ID_KINDS: Final = tuple(dict.fromkeys(number.kind for number in NUMBERS))
"""Every kind found here."""

_SHAPE_OF: Final = bytes.maketrans(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz\xa0", b"9" * 10 + b"A" * 52 + b" "
)
_IN_WORD: Final = latin1_pattern(f"[^{CELL_END}]")
_SEPARATORS: Final = b" \xa0.-/+"
_NO_SEPARATORS: Final = str.maketrans("", "", _SEPARATORS.decode("latin-1"))
_BEGUN_CHARS_MIN: Final = 8
_BEGUN_CHARS_MAX: Final = 32
_GROUP: Final = latin1_pattern("[0-9A-Za-z]+")
_GROUPS_AT_END: Final = latin1_pattern(r"[0-9A-Za-z](?:[ \xA0.\-/+]?[0-9A-Za-z])*[ \xA0.\-/+]?$")


def _shape_pattern(shape: str) -> str:
    classes = {"9": "[0-9]", "A": "[A-Za-z]", " ": r"[ \xA0]"}
    return "".join(classes.get(character) or "\\" + character for character in shape)


@cache
def _cue_pattern(words: str, ending: str) -> Any:
    return compiled_on_use(rf"(?i)(?:^|[^a-z])(?:{words}){ending}".encode(), re2.Options)


_NEAR: Final = r"(?:[^a-z0-9][^0-9]{0,24})?$"
"""The word ends at most 24 characters before the number, with no digit between."""


class _Shapes:
    """The shapes of some kinds: one pattern for all, and for each shape its kinds with their context words."""

    def __init__(self, numbers: list[IdNumber]) -> None:
        self._by_shape: dict[bytes, list[tuple[str, Callable[[str], bool], Any]]] = {}
        for number in numbers:
            cue = _cue_pattern(number.cue, _NEAR) if number.cue else None
            for shape in number.shapes:
                self._by_shape.setdefault(shape.encode(), []).append((number.kind, number.holds, cue))
        longest_first = sorted(self._by_shape, key=len, reverse=True)
        self._pattern = latin1_pattern(
            r"\b(?:" + "|".join(_shape_pattern(shape.decode()) for shape in longest_first) + r")\b"
        )

    def candidates(self, subject: bytes, text: str, begin: int) -> Iterator[Candidate]:
        """Matches of a shape that are valid, and have their context word if they need one."""
        position = begin
        while match := self._pattern.search(subject, position):
            start, end = match.span()
            number = _bare(subject, start, end)
            kind = self._kind(number, subject[start:end].translate(_SHAPE_OF), text, start) if number else ""
            if kind:
                yield kind, start, end, 0.8
            position = end if kind else start + 1

    def _kind(self, number: str, shape: bytes, text: str, start: int) -> str:
        before = None
        for kind, holds, cue in self._by_shape[shape]:
            if cue is None:
                if number == number.upper() and holds(number):
                    return kind
                continue
            if before is None:
                before = text[max(0, start - _CUE_CHARS_MAX) : start].encode("utf-8", "replace")
            if cue.search(before) is not None and holds(number.upper()):
                return kind
        return ""


class NationalIds:
    """Finds the requested kinds, in two passes: with a context word if there is any, and without."""

    def __init__(self, kinds: frozenset[str]) -> None:
        chosen = [number for number in NUMBERS if number.kind in kinds]
        cued = [number for number in chosen if number.cue]
        plain = [number for number in chosen if not number.cue]
        self._any_cue = _cue_pattern("|".join(number.cue for number in cued), "") if cued else None
        self._cued = _Shapes(cued) if cued else None
        self._plain = _Shapes(plain) if plain else None
        self._begun = _BegunShapes(chosen)

    def candidates(self, subject: bytes, text: str, begin: int) -> Iterator[Candidate]:
        """Kind, start, end and score of each number in ``text[begin:]``; numbers with a context word come first."""
        if self._cued is not None and self._any_cue is not None:
            seen = text[max(0, begin - _CUE_CHARS_MAX) :].encode("utf-8", "replace")
            if self._any_cue.search(seen) is not None:
                yield from self._cued.candidates(subject, text, begin)
        if self._plain is not None:
            yield from self._plain.candidates(subject, text, begin)

    def beginning(self, subject: bytes, text: str, begin: int) -> Begun | None:
        """Kind and start of a possible beginning of a number, at the end of ``text``."""
        return self._begun.find(subject, text, begin)


class _BegunShapes:
    """Ends of truncated texts: prefixes of a number's shape that are nearly complete."""

    def __init__(self, numbers: list[IdNumber]) -> None:
        self._shapes = [
            (number.kind, _cue_pattern(number.cue, _NEAR) if number.cue else None, shape, _chars_in(shape))
            for number in numbers
            for shape in number.shapes
        ]

    def find(self, subject: bytes, text: str, begin: int) -> Begun | None:
        """Kind and start of the longest."""
        groups = _GROUPS_AT_END.search(subject, max(begin, len(subject) - _BEGUN_CHARS_MAX))
        if groups is None:
            return None
        for group in _GROUP.finditer(subject, groups.start()):
            kind = self._kind_of(subject, text, group.start())
            if kind:
                return kind, int(group.start())
        return None

    def _kind_of(self, subject: bytes, text: str, start: int) -> str:
        """The first kind whose number may begin like this; empty if none."""
        if not begins_alone(subject, start) or _goes_before(subject, start):
            return ""
        written = subject[start:].translate(_SHAPE_OF).decode("latin-1")
        bare = written.translate(_NO_SEPARATORS)
        before = text[max(0, start - _CUE_CHARS_MAX) : start].encode("utf-8", "replace")
        for kind, cue, shape, chars in self._shapes:
            if (
                shape.startswith(written)
                and len(bare) >= _begun_chars_min(bare, chars, cue is not None)
                and (cue is None or cue.search(before) is not None)
            ):
                return kind
        return ""


def _chars_in(shape: str) -> int:
    return len(shape.translate(_NO_SEPARATORS))


def _begun_chars_min(bare: str, chars: int, cued: bool) -> int:
    """Minimum characters of a number of this length that count: at most eight, more without a context word."""
    if cued:
        return min(_BEGUN_CHARS_MIN, -(-2 * chars // 3))
    return _BEGUN_CHARS_MIN if "A" not in bare else min(_BEGUN_CHARS_MIN, chars - 2)


def _bare(subject: bytes, start: int, end: int) -> str:
    """The number without separators; empty if it is part of something longer, or of two cells."""
    if not stands_alone(subject, start, end):
        return ""
    written = subject[start:end]
    bare = written.translate(None, _SEPARATORS)
    grouped = b" " in written or b"\xa0" in written
    if grouped and (bare != bare.upper() or _goes_before(subject, start)):
        return ""
    return bare.decode("ascii")


def _goes_before(subject: bytes, start: int) -> bool:
    """Whether these groups are the rest of a longer number, or their first letters the rest of a word."""
    if start >= 2 and subject[start - 1] in b" \xa0" and subject[start - 2] in DIGIT_BYTES:
        return True
    return start > 0 and subject[start] not in DIGIT_BYTES and _IN_WORD.match(subject, start - 1) is not None


GATE: Final = (
    r"[0-9](?:[ \xA0.\-+/]?[0-9]){7}|\b[A-Za-z]{1,3}-?[0-9]{6}|[0-9]{7}-?[A-Za-z]|[0-9]{6}[A-Za-z][0-9]{3}"
    r"|[0-9](?:\.[0-9]{3}){2}-[A-Za-z]"
    r"|\b[A-Z]{2}[ \xA0](?:[0-9]{2}[ \xA0]?){3}[A-Z]|[A-Za-z]{2}(?:-[0-9]{2}){3}-[A-Za-z]"
    r"|\b[A-Z]{1,2}[ \xA0][0-9]{7}|[A-Za-z]{4}[0-9]{6}[A-Za-z]{6}"
    r"|[A-Za-z]{5}[0-9]{4}[A-Za-z]|[A-Za-z]{6}[0-9]{2}[A-Za-z][0-9]{2}[A-Za-z]"
    r"|\b[A-Za-z]{1,3}[0-9][0-9A-Za-z]{5}|\b[0-9]{2}[A-Za-z]{2}[0-9]{5}"
)
"""Common to every number above: eight digits, or fewer next to letters."""
