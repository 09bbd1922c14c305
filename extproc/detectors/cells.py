"""Cells: how a text that comes in pieces is judged as if it had come whole.

A text is a sequence of words and of glue (white space, quotes, commas, brackets, and every character of scripts that
need no spaces). Two neighbouring words are *joined* where one blank stands between them and they may belong to one
number: ``4111 1111 1111 1111``, ``+49 30 901820``, ``GB29 NWBK 6016``. A cell is a maximal chain of joined words.
Whether two words are joined depends only on the end of the left one and the first character of the right one, so
cells are a property of the text: however it is cut into pieces, the cells are the same. No finding spans two cells,
so a cell can be judged, and released, as soon as it is closed; in plain prose the text held back is at most its last
word.

A cell longer than ``CELL_CHARS_MAX`` (base64, a data URL) is settled by windows, at positions that again depend on
the text alone: whenever more than ``CELL_CHARS_MAX`` are open, half of that is judged and given out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

CELL_CHARS_MAX = 2_048
CELL_CHARS_SETTLED = CELL_CHARS_MAX // 2
CONTEXT_CHARS_MAX = 96

CELL_BLANKS = " \u00a0"
_GLUE = "\\s,;\"'<>\\[\\]{}|\\\\`\u0590-\U0010ffff"
_JOIN_CHARS_MAX = 24  # how much of a word's end says whether it is joined; less than what is kept of a window
_JOINABLE_LEFT = re.compile(r"[+(\-]+\Z|[A-Z0-9]{1,4}\Z|.*[0-9]", re.DOTALL)
_JOINABLE_RIGHT = frozenset("0123456789(+-ABCDEFGHIJKLMNOPQRSTUVWXYZ")
# Character classes only, no alternatives inside repeats: linear however hostile the text.
_WORD = re.compile(f"[^{_GLUE}]+")
_IN_WORD = re.compile(f"[^{_GLUE}]")
_IS_GLUE = re.compile(f"[{_GLUE}]")
_UP_TO_LAST_GLUE = re.compile(f".*[{_GLUE}]", re.DOTALL)  # steps back over one word at most


def _joined(text: str, end: int) -> bool:
    """Whether the word that ends at ``end`` is joined to the one after it."""
    return (
        end + 1 < len(text) and text[end] in CELL_BLANKS and text[end + 1] in _JOINABLE_RIGHT and _may_join(text, end)
    )


def _may_join(text: str, end: int) -> bool:
    """Whether the word that ends at ``end`` may be joined to one after it."""
    floor = end - _JOIN_CHARS_MAX if end > _JOIN_CHARS_MAX else 0
    glue = _UP_TO_LAST_GLUE.match(text, floor, end)
    start = glue.end() if glue else floor
    return start < end and _JOINABLE_LEFT.match(text, start, end) is not None


def cells(text: str) -> Iterator[tuple[int, int]]:
    """The cells of a complete text, as (start, end), in order; what lies between them is glue. [characters]"""
    start = -1
    for match in _WORD.finditer(text):
        if start < 0:
            start = match.start()
        if not _joined(text, match.end()):
            yield start, match.end()
            start = -1


def next_cell(text: str, position: int) -> tuple[int, int] | None:
    """The first cell from ``position`` on, or what is left of the cell that ``position`` is in; None if there is none.

    Looks only a little over ``CELL_CHARS_MAX`` ahead: of a longer cell it returns that much.
    """
    first = _IN_WORD.search(text, position)
    if first is None:
        return None
    start = end = first.start()
    limit = start + CELL_CHARS_MAX + 2
    while (word := _WORD.match(text, end, limit)) is not None:
        end = word.end()
        if end + 1 >= limit or not _joined(text, end):
            break
        end += 1
    return start, end


def _word_start(text: str, end: int) -> int:
    """Where the word that ends at ``end`` begins, looked for backwards by ever longer strides."""
    chars = _JOIN_CHARS_MAX
    while True:
        floor = end - chars if end > chars else 0
        glue = _UP_TO_LAST_GLUE.match(text, floor, end)
        if glue is not None:
            return glue.end()
        if not floor:
            return 0
        chars *= 4


def _open_from(text: str) -> int:
    """Where the last cell begins, if what follows could still belong to it; else ``len(text)``. [characters]

    Looks backwards, so that a long text costs no more than its last cell.
    """
    end = len(text)
    last = end - (text[-1] in CELL_BLANKS)
    if last < end and not _may_join(text, last):
        return end
    start = _word_start(text, last)
    if start == last:
        return end
    while start > 1 and _joined(text, start - 1):
        start = _word_start(text, start - 1)
    return start


class CellBuffer:
    """Gives out a text that comes in pieces as closed cells and the glue between them, and keeps the open cell."""

    __slots__ = ("_given", "open")

    def __init__(self) -> None:
        self.open = ""
        self._given = ""  # the end of what was given out of the open cell

    @property
    def overlong(self) -> bool:
        """Whether more is open than a cell may have; a blank at its end may turn out not to be part of it."""
        return len(self.open) > CELL_CHARS_MAX and len(self.open.rstrip(CELL_BLANKS)) > CELL_CHARS_MAX

    def push(self, text: str) -> str:
        """Take the next piece; return the text up to the open cell, which may be empty."""
        held = self.open
        if not text:
            return ""
        if held and held[-1] not in CELL_BLANKS and _IS_GLUE.search(text) is None:
            self.open = held + text
            return ""
        given = len(self._given)
        whole = self._given + held + text
        cut = max(_open_from(whole), given)
        self.open = whole[cut:]
        if cut > given:
            self._given = ""
        return whole[given:cut]

    def take(self, chars: int | None = None) -> str:
        """Remove and return the first ``chars`` of the open cell, or all that is open: then the cell is over."""
        taken = self.open if chars is None else self.open[:chars]
        self.open = self.open[len(taken) :]
        self._given = "" if chars is None else (self._given + taken)[-_JOIN_CHARS_MAX:]
        return taken

    def copy(self) -> CellBuffer:
        """A buffer in the same state."""
        other = CellBuffer()
        other.open, other._given = self.open, self._given
        return other
