"""Cells: how a text that comes in pieces is judged as if it had come whole.

A text is a sequence of words and of glue (white space, quotes, commas, brackets, and every character of scripts that need
no spaces). Two neighbouring words are *joined* where one blank stands between them and they may belong to one number:
``4111 1111 1111 1111``, ``+49 30 901820``, ``GB29 NWBK 6016``. A cell is a maximal chain of joined words. Whether two words
are joined depends only on the left word and the first character of the right one, so cells are a property of the text:
however it is cut into pieces, the cells are the same. No finding spans two cells, so a cell can be judged, and released,
as soon as it is closed; in plain prose the text held back is at most its last word.

A cell longer than ``CELL_CHARS_MAX`` (base64, a data URL) is settled by halves, at positions that again depend on the text
alone: whenever more than ``CELL_CHARS_MAX`` are open, the first half of the limit is judged and given out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

CELL_CHARS_MAX = 2_048
CELL_CHARS_SETTLED = CELL_CHARS_MAX // 2
CONTEXT_CHARS_MAX = 96

CELL_BLANKS = " \u00a0"
_GLUE = "\\s,;\"'<>\\[\\]{}|\\\\`\u0590-\U0010ffff"
_JOINABLE_LEFT = re.compile(r"[+(\-]+\Z|[A-Z0-9]{1,4}\Z|.*[0-9]", re.DOTALL)
_JOINABLE_RIGHT = frozenset("0123456789(+-ABCDEFGHIJKLMNOPQRSTUVWXYZ")
# Character classes only, no alternatives inside repeats: linear however hostile the text.
_WORD = re.compile(f"[^{_GLUE}]+")
_IS_GLUE = re.compile(f"[{_GLUE}]")


def _may_join_left(word: str) -> bool:
    return _JOINABLE_LEFT.match(word) is not None


def _word_start(text: str, end: int) -> int:
    """Where the word that ends at ``end`` begins, or -1 if that is more than ``CELL_CHARS_MAX`` before."""
    start = end
    floor = end - CELL_CHARS_MAX
    while start and _IS_GLUE.match(text, start - 1) is None:
        start -= 1
        if start < floor:
            return -1
    return start


def _open_from(text: str) -> int:
    """Where the last cell begins, if what follows could still belong to it; else ``len(text)``. [characters]

    Looks backwards, so that a long text costs no more than its last cell; a last cell of unusual length is found by
    reading forward.
    """
    end = len(text)
    trailing_blank = text[-1] in CELL_BLANKS
    start = _word_start(text, end - trailing_blank)
    if start == end - trailing_blank:
        return end
    if trailing_blank and start >= 0 and not _may_join_left(text[start : end - 1]):
        return end
    while start > 1 and text[start - 1] in CELL_BLANKS and text[start] in _JOINABLE_RIGHT:
        left = _word_start(text, start - 1)
        if left == start - 1 or (left >= 0 and not _may_join_left(text[left : start - 1])):
            break
        start = left
        if end - start > CELL_CHARS_MAX:
            start = -1
    return start if start >= 0 else _open_from_forward(text, trailing_blank)


def _open_from_forward(text: str, trailing_blank: bool) -> int:
    start = end = 0
    for start, end in cells(text):  # noqa: B007 - only the last is wanted
        pass
    last_word = text[max(text.rfind(blank, start, end) for blank in CELL_BLANKS) + 1 : end] if end else ""
    if trailing_blank and not _may_join_left(last_word):
        return len(text)
    return start


class CellBuffer:
    """Gives out a text that comes in pieces as closed cells and the glue between them, and keeps the open cell."""

    __slots__ = ("open",)

    def __init__(self) -> None:
        self.open = ""

    def push(self, text: str) -> str:
        """Take the next piece; return the text up to the open cell, which may be empty."""
        held = self.open
        if held and _IS_GLUE.search(text) is None and held[-1] not in CELL_BLANKS:
            self.open = held + text
            return ""
        whole = held + text
        if not whole:
            return ""
        cut = _open_from(whole)
        self.open = whole[cut:]
        return whole[:cut]

    def take(self, chars: int | None = None) -> str:
        """Remove and return the first ``chars`` of the open cell (all of it by default)."""
        taken = self.open if chars is None else self.open[:chars]
        self.open = self.open[len(taken) :]
        return taken


def cells(text: str) -> Iterator[tuple[int, int]]:
    """The cells of a complete text, as (start, end), in order; what lies between them is glue. [characters]"""
    start = end = -1
    word = ""
    for match in _WORD.finditer(text):
        first, last = match.span()
        joined = (
            first == end + 1
            and text[end] in CELL_BLANKS
            and text[first] in _JOINABLE_RIGHT
            and _may_join_left(word)
        )
        if not joined:
            if start >= 0:
                yield start, end
            start = first
        end = last
        word = match.group()
    if start >= 0:
        yield start, end
