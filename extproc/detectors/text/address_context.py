"""Tracks whether a position is inside an address that a reader's browser may request: a URL, the target of a link or an
image, an HTML attribute with one.

Text there leaves with the request, for an image without a click. So the text before a position is tracked as it
arrives: a few marks open an address, and its end depends on the mark. Only a possible beginning of a mark is kept. In
doubt, a position counts as inside an address.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

_LOOK_BACK_CHARS: Final = 40
_KEPT_CHARS: Final = 64
_ATTRIBUTES: Final = r"src|srcset|href|action|poster|background|ping|cite|longdesc|manifest"
_MARK: Final = re.compile(rf"//|www\.|\]\(|(?:{_ATTRIBUTES})\s{{0,8}}=", re.IGNORECASE)
_SCHEME: Final = r"(?:[A-Za-z][A-Za-z0-9+.\-]{0,20}:)?"
_BEHIND_QUOTE: Final = re.compile(rf"[\"'`]{_SCHEME}\Z")
_IN_DEFINITION: Final = re.compile(rf"\]:[ \t]{{0,8}}<?{_SCHEME}\Z")
_NOT_BLANK: Final = re.compile(r"\S")
_BRACKET: Final = re.compile(r"[()\n]")
_WORD_END: Final = re.compile(r"[\s>]|\"[,:}\]]")  # the latter between values of compact JSON
_LINE_END: Final = re.compile(r"\n")
_ANGLE_END: Final = re.compile(r"[>\n]")
_QUOTES: Final = "\"'`"


class _Place(Enum):
    OUTSIDE = auto()
    ATTRIBUTE = auto()  # after its ``=``: the first character determines the end of the value
    LINK = auto()  # after ``](``, likewise
    BRACKETS = auto()  # a link's target, up to its closing bracket
    UNTIL = auto()  # up to the match of ``_end``


class AddressContext:
    """Tracks one text. Cut-invariant: the result depends on the text, not on its pieces."""

    __slots__ = ("_depth", "_end", "_kept", "_place")

    def __init__(self) -> None:
        self._place = _Place.OUTSIDE
        self._end = _LINE_END
        self._depth = 0  # bracket depth
        self._kept = ""  # outside: the end of the text so far; in a word: a possible beginning of a mark

    @property
    def is_open(self) -> bool:
        """Whether the following text is in an address."""
        return self._place is not _Place.OUTSIDE

    def push(self, text: str) -> None:
        """Take what comes next."""
        whole = self._kept + text
        first = at = 0  # outside: nothing before ``first`` matters any more
        while at >= 0:
            first = at
            at = self._go_on(whole, at)
        kept = whole[max(first, len(whole) - _KEPT_CHARS) :]
        self._kept = kept if self._place is _Place.OUTSIDE else kept[-1:] if kept.endswith('"') else ""

    def copy(self) -> AddressContext:
        """Another in the same state."""
        other = AddressContext()
        other._place, other._end, other._depth, other._kept = self._place, self._end, self._depth, self._kept
        return other

    def _go_on(self, whole: str, at: int) -> int:
        """Advance to the next state change; -1 if more text is needed."""
        match self._place:
            case _Place.OUTSIDE:
                return self._open(whole, at)
            case _Place.ATTRIBUTE | _Place.LINK:
                return self._begin(whole, at)
            case _Place.BRACKETS:
                return self._close_brackets(whole, at)
        end = self._end.search(whole, at)
        if end is None:
            return -1
        self._place = _Place.OUTSIDE
        return end.end()

    def _open(self, whole: str, at: int) -> int:
        mark = _MARK.search(whole, at)
        if mark is None:
            return -1
        opening = mark.group()
        if opening == "](":
            self._place = _Place.LINK
        elif opening[-1] == "=":
            self._place = _Place.ATTRIBUTE
        else:
            self._until(_end_of_url(whole[max(at, mark.start() - _LOOK_BACK_CHARS) : mark.start()]))
        return mark.end()

    def _begin(self, whole: str, at: int) -> int:
        """The first character of a target or a value."""
        character = _NOT_BLANK.search(whole, at)
        if character is None:
            return -1
        begins, in_link = character.group(), self._place is _Place.LINK
        if in_link and begins != "<":
            self._place, self._depth = _Place.BRACKETS, 1
            return character.start()
        if in_link:
            self._until(_ANGLE_END)
        elif begins in _QUOTES:
            self._until(re.compile(begins))
        else:
            self._until(_WORD_END)
            return character.start()
        return character.end()

    def _close_brackets(self, whole: str, at: int) -> int:
        bracket = _BRACKET.search(whole, at)
        if bracket is None:
            return -1
        self._depth += {"(": 1, ")": -1, "\n": -self._depth}[bracket.group()]
        if not self._depth:
            self._place = _Place.OUTSIDE
        return bracket.end()

    def _until(self, end: re.Pattern[str]) -> None:
        self._place, self._end = _Place.UNTIL, end


def _end_of_url(before: str) -> re.Pattern[str]:
    """What ends a URL, depending on the text before it: in quotes, and in link definitions, it may contain blanks."""
    if _IN_DEFINITION.search(before) is not None:
        return _LINE_END
    quoted = _BEHIND_QUOTE.search(before)
    return re.compile(rf"[{before[quoted.start()]}\n]") if quoted is not None else _WORD_END
