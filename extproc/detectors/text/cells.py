"""Cells: split streamed text so that it is checked like unstreamed text.

A text is a sequence of words and of glue (white space, quotes, commas, brackets, and every character of scripts without
spaces). Two adjacent words are *joined* if one blank separates them and they may belong to one number: ``4111 1111 1111
1111``, ``+49 30 901820``, ``GB29 NWBK 6016``; a list item's number and the following word (``1. Go``) are not, unless
that may be a month. A cell is a maximal chain of joined words. Whether two words are joined depends only on the end of
the left one and the first character of the right one, so cells are a property of the text: however it is cut into
pieces, the cells are the same. No finding spans two cells, so a cell can be checked, and released, as soon as it is
closed; in prose, the held text is at most its last word.

Numbers may be written with other hyphens, blanks and digits, and with escapes. So cells are found in the *folded* text
(see ``folding``), which has the same positions. Vanished characters belong to a word, and may join two.

Long cells are checked in parts, at positions that again depend on the text alone (``next_part``):

- A chain of many words (a row of numbers): findings across blanks are at most ``JOINED_CHARS_MAX`` long, so findings
  that begin that far and a little more before its end can be decided.
- A single word that is too long to hold (base64, a data URL): the first half of each window is decided.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from extproc.detectors.text.folding import (
    BLANKS,
    ESCAPE_CHARS_MAX,
    FOLDED_CLASS,
    OTHER_BLANKS,
    VANISHED,
    folded,
    is_folded,
    is_plain,
    unfinished,
)
from extproc.detectors.text.latin1 import CELL_ENDING_FIRST

CELL_CHARS_MAX: Final = 2_048  # maximum held text
CONTEXT_CHARS_MAX: Final = 96
JOINED_CHARS_MAX: Final = 64  # of a finding with blanks in it
ROOM_CHARS: Final = JOINED_CHARS_MAX + 8  # text after the beginning of a finding that decides about it
_BLANK_CHARS: Final = 8  # and text that may turn out not to belong to the cell
WORD_CHARS_MAX: Final = CELL_CHARS_MAX - ROOM_CHARS - _BLANK_CHARS

SECTION_CHARS_MIN: Final = 256
_SURELY_APART: Final = re.compile(r"[ \n][a-z]")

CELL_BLANKS: Final = BLANKS + OTHER_BLANKS
_PLAIN_GLUE: Final = frozenset("\n\t,\"'<>[]{}|`")
_LETTERS: Final = re.compile(f"[A-Za-z\u00c0-{chr(ord(CELL_ENDING_FIRST) - 1)}]+")
_NO_PLAIN_GLUE: Final = "".join(chr(code) for code in range(ord(CELL_ENDING_FIRST)) if chr(code) not in _PLAIN_GLUE)
_LETTERS_BEHIND_GLUE: Final = re.compile(f"[^{re.escape(_NO_PLAIN_GLUE)}{FOLDED_CLASS}]([A-Za-z]+)\\Z")
_MAY_END_OPEN: Final = frozenset(CELL_BLANKS + ";")  # possible end of an open cell that is not part of a word
_OTHER_BLANKS: Final = frozenset(OTHER_BLANKS)
_GLUE: Final = "\\s,;\"'<>\\[\\]{}|\\\\`\u0590-\U0010ffff"
_JOIN_CHARS_MAX: Final = (
    24  # length of a word's end that decides whether it is joined; less than what is kept of a window
)
_TAIL_CHARS: Final = 256
_KEPT_CHARS_MAX: Final = _JOIN_CHARS_MAX + ESCAPE_CHARS_MAX
_JOINABLE_LEFT: Final = re.compile(
    r"[+(\-]+\Z|[A-Z0-9]{1,4}\Z|.*[0-9]"
    rf"|[A-Z+(\-]+{VANISHED}[A-Z+(\-{VANISHED}]*\Z|{VANISHED}+[A-Z+(\-][A-Z+(\-{VANISHED}]*\Z",
    re.DOTALL,
)
_JOINABLE_RIGHT: Final = frozenset("0123456789(+-ABCDEFGHIJKLMNOPQRSTUVWXYZ" + VANISHED)
_NO_MONTH_BEGINS: Final = frozenset("BCEGHIKLPQRTUVWXYZ")
# Character classes only, no alternatives inside repeats: linear for any input.
_WORD: Final = re.compile(f"[^{_GLUE}]+")
_LIST_MARKER: Final = re.compile(f"(?:^|[{_GLUE}])[0-9]{{1,2}}[.)]\\Z")  # "1." or "12)", as a whole word
# Words of a table of numbers or codes, each with the blank that joins it to the next.
_ROW: Final = re.compile(r"(?:[A-Z0-9]{1,4}[ \u00a0](?=[A-Z0-9])|[0-9][0-9.:/\-]{0,22}[ \u00a0](?=[0-9]))++")
_IS_GLUE: Final = re.compile(f"[{_GLUE}]")
_UP_TO_LAST_GLUE: Final = re.compile(f".*[{_GLUE}]", re.DOTALL)  # at most one word


def _joined(text: str, end: int) -> bool:
    """Whether the word that ends at ``end`` is joined to the next one."""
    return (
        end + 1 < len(text)
        and text[end] in BLANKS
        and text[end + 1] in _JOINABLE_RIGHT
        and _may_join(text, end)
        and (text[end + 1] not in _NO_MONTH_BEGINS or _LIST_MARKER.search(text, max(0, end - 4), end) is None)
    )


def _may_join(text: str, end: int) -> bool:
    """Whether the word that ends at ``end`` may be joined to a next one."""
    floor = end - _JOIN_CHARS_MAX if end > _JOIN_CHARS_MAX else 0
    glue = _UP_TO_LAST_GLUE.match(text, floor, end)
    start = glue.end() if glue else floor
    return start < end and _JOINABLE_LEFT.match(text, start, end) is not None


def cells(text: str) -> Iterator[tuple[int, int]]:
    """The cells of a complete folded text as (start, end), in order; between them is glue. [characters]"""
    start = -1
    for match in _WORD.finditer(text):
        if start < 0:
            start = match.start()
        if not _joined(text, match.end()):
            yield start, match.end()
            start = -1


def word_chars_max(hold_chars_max: int) -> int:
    """Maximum word length, so that at most ``hold_chars_max`` is held: other words may be joined to it."""
    return hold_chars_max - ROOM_CHARS - _BLANK_CHARS


class Part(NamedTuple):
    """Text that can be decided at once: findings that begin in ``text[first:settled]`` lie in ``text[first:last]``.

    If ``settled`` is ``last``, this is all that is left of the cell. ``overlong``: part of a word over the limit,
    so that a finding may end after ``last``.
    """

    first: int
    last: int
    settled: int
    overlong: bool = False


def next_part(text: str, position: int, word_chars_max: int = WORD_CHARS_MAX) -> Part | None:
    """The first part from ``position``, of a new cell or of the one that ``position`` is in; None if there is none.

    Looks ahead only as far as the part reaches. ``text``: folded. [characters]
    """
    word_found = _word_of(word_chars_max + 1).search(text, position)
    if word_found is None:
        return None
    first, end = word_found.span()
    if end - first > word_chars_max:
        return Part(first, end - 1, first + word_chars_max // 2, overlong=True)
    chars = len(text)
    if end + 1 >= chars or text[end + 1] not in _JOINABLE_RIGHT:  # like most words
        return Part(first, end, end)
    row = _ROW.match(text, first, first + JOINED_CHARS_MAX + ROOM_CHARS + _JOIN_CHARS_MAX)
    if row is not None and row.end() - first >= JOINED_CHARS_MAX + ROOM_CHARS:
        settled = _last_blank(text, first, first + JOINED_CHARS_MAX) + 1
        return Part(first, settled + ROOM_CHARS, settled)
    settled = 0
    while _joined(text, end):
        word = end + 1
        if not settled or word - first <= JOINED_CHARS_MAX:
            settled = word
        end = _word_end(text, word, max(word + 1, settled + ROOM_CHARS))
        if end - settled >= ROOM_CHARS:
            return Part(first, settled + ROOM_CHARS, settled)
    return Part(first, end, end)


def _last_blank(text: str, first: int, end: int) -> int:
    return max(text.rfind(blank, first, end) for blank in BLANKS)


def cell_end(text: str, position: int) -> int:
    """End of the cell of a folded text that ``position`` is in, or directly after a word of. [characters]"""
    end = _word_end(text, position, len(text))
    while _joined(text, end):
        end = _word_end(text, end + 1, len(text))
    return end


def section_end(text: str, position: int, chars_min: int = SECTION_CHARS_MIN) -> int:
    """End of a section that begins at ``position``: after some hundred characters, between two cells.

    A small letter after a blank is never joined to the text before it. Sections are prefiltered before cells are,
    so that one number in a long text does not cause every word of it to be scanned. [characters]
    """
    match = _SURELY_APART.search(text, position + chars_min)
    return match.start() if match else len(text)


def has_long_word(text: str, word_chars_max: int = WORD_CHARS_MAX) -> bool:
    """Whether any word exceeds the limit. Samples a few positions only: such a word covers at least one of them."""
    places = range(word_chars_max, len(text), word_chars_max)
    if all(_blanks_around(text, place, word_chars_max) for place in places):
        return False
    shape = folded(text)
    for place in places:
        before = _word_start(shape, place)
        if before < place and _word_end(shape, place, before + word_chars_max + 1) - before > word_chars_max:
            return True
    return False


def _blanks_around(text: str, place: int, word_chars_max: int) -> bool:
    """Whether blanks, which fold to themselves, are so close that no long word fits between them."""
    after = text.find(" ", place, place + word_chars_max)
    return after >= 0 and text.rfind(" ", max(0, after - word_chars_max - 1), place) >= 0


@lru_cache
def _word_of(chars_max: int) -> re.Pattern[str]:
    """A word, or as much of it as is needed."""
    return re.compile(f"[^{_GLUE}]{{1,{chars_max}}}")


def _word_end(text: str, position: int, limit: int) -> int:
    word = _WORD.match(text, position, limit)
    return position if word is None else word.end()


def _word_start(text: str, end: int) -> int:
    """Start of the word that ends at ``end``, searched backwards in growing steps."""
    chars = _JOIN_CHARS_MAX
    while True:
        floor = end - chars if end > chars else 0
        glue = _UP_TO_LAST_GLUE.match(text, floor, end)
        if glue is not None:
            return glue.end()
        if not floor:
            return 0
        chars *= 4


def _plain_end(text: str) -> int:
    """Fast path of ``_open_from`` for a text that ends like most do; -1 if the full search is needed. [characters]

    That is, with glue, or with a word of letters that is joined to no neighbor, and perhaps a blank.
    """
    chars = len(text)
    last = text[-1]
    if last in _PLAIN_GLUE:
        return chars
    if last >= CELL_ENDING_FIRST:
        return -1 if is_folded(last) else chars
    if last != " " and not last.isalpha():
        return -1
    end = chars - 1 if last == " " else chars
    if end < chars and _ends_with_glue(text, end):
        return chars
    first = text.rfind(" ", 0, end) + 1
    if first == end:
        return chars  # two blanks join nothing
    word = text[first:end]
    if not word.isalpha() or not (word.isascii() or _LETTERS.fullmatch(word)):
        behind_glue = _LETTERS_BEHIND_GLUE.search(word)
        if behind_glue is None:
            return -1
        return first + behind_glue.start(1) if end == chars else -1
    if end < chars:
        return chars if word[0] >= "a" or not word.isupper() else -1
    if first > 1 and word[0] < "a" and not _ends_with_glue(text, first - 1):
        before = text[text.rfind(" ", 0, first - 1) + 1 : first - 1]
        if not (before.isascii() and before.isalpha() and before[0] >= "a"):
            return -1
    return first


def _ends_with_glue(text: str, end: int) -> bool:
    """Whether glue other than a blank ends ``text[:end]``, so that nothing after a blank there is joined."""
    last = text[end - 1 : end]
    return (
        last in _PLAIN_GLUE or (last == ";" and "&" not in text) or (last >= CELL_ENDING_FIRST and not is_folded(last))
    )


def _open_from_written(text: str, first: int, known: int) -> int:
    """``_open_from`` for an unfolded text, of which only the necessary part is folded. [characters]"""
    known = max(first, known - ESCAPE_CHARS_MAX)  # a complete escape may read differently than its beginning
    before = len(text) - _TAIL_CHARS
    if before > known:
        start = _open_from(_with_begun(folded(text[before:])))
        if start >= _KEPT_CHARS_MAX:
            return before + start
    return _open_from(_with_begun(folded(text)), first, known)


def _with_begun(shape: str) -> str:
    """A folded text as if the incomplete escape at its end were complete."""
    begun = unfinished(shape)
    return shape if begun == len(shape) else shape[:begun] + VANISHED * (len(shape) - begun)


def _is_in_word(held: str) -> bool:
    """Whether text that follows an open cell without glue belongs to it, whatever it is."""
    return (
        held != ""
        and held[-1] not in _MAY_END_OPEN
        and "\\" not in held[-ESCAPE_CHARS_MAX:]  # which may represent a blank
        and unfinished(held) == len(held)
    )


def _open_from(text: str, first: int = 0, known: int = 0) -> int:
    """Start of the last cell, if following text could still belong to it; otherwise ``len(text)``. [characters]

    Searches backwards, so that a long text costs no more than its last cell.
    Args:
        text: folded.
        first, known: ``text[first:known]`` is known to be one cell, and is not searched again.
    """
    end = len(text)
    last = end - (text[-1] in BLANKS)
    if last < end and not _may_join(text, last):
        return end
    start = _word_start(text, last)
    if start == last:
        return end
    while start > 1 and _joined(text, start - 1):
        if start < known:
            return first
        start = _word_start(text, start - 1)
    return first if start < known else start


class CellBuffer:
    """Outputs streamed text as closed cells and the glue between them, and keeps the open cell."""

    __slots__ = ("_given", "_in_word", "open")

    def __init__(self) -> None:
        self.open = ""
        self._given = ""  # end of the released part of the open cell
        self._in_word = False  # whether following text without glue belongs to the open cell

    @property
    def certain(self) -> str:
        """The open cell without text that may turn out not to belong to it: a blank, an incomplete escape."""
        begun = self.open[: unfinished(self.open)].rstrip(CELL_BLANKS)
        shape = folded(begun)
        if shape and shape[-1] in BLANKS:  # an escape represents it
            first = max(begun.rfind("\\"), begun.rfind("&"))
            begun = begun[: first - (shape[first - 1 : first] == VANISHED and begun[first - 1] == "\\")]
        return begun

    @property
    def given(self) -> str:
        """End of the released part of the open cell; empty if nothing was released."""
        return self._given

    @property
    def holds_blank(self) -> bool:
        """Whether more than one word is open."""
        held = self.open
        return " " in held or "\u00a0" in held or not (held.isascii() or _OTHER_BLANKS.isdisjoint(held))

    def push(self, text: str) -> str:
        """Process the next piece; return the text before the open cell, which may be empty."""
        if not text:
            return ""
        if self._in_word and _IS_GLUE.search(text) is None:
            self.open += text
            return ""
        held = self.open
        whole = self._given + held + text if self._given else held + text
        given = len(self._given)
        cut = _plain_end(whole)
        plain = cut >= 0 or is_plain(whole)
        if cut < 0:
            known = given + len(held)
            cut = _open_from(whole, given, known) if plain else _open_from_written(whole, given, known)
        if cut < given:
            cut = given
        held = self.open = whole[cut:]
        self._in_word = held != "" and held[-1] not in _MAY_END_OPEN and (plain or _is_in_word(held))
        if cut > given:
            self._given = ""
        return whole[given:cut]

    def take(self, chars: int | None = None) -> str:
        """Remove and return the first ``chars`` of the open cell, or all of it, which closes the cell."""
        taken = self.open if chars is None else self.open[:chars]
        self.open = self.open[len(taken) :]
        self._in_word = _is_in_word(self.open)
        self._given = "" if chars is None else (self._given + taken)[-_KEPT_CHARS_MAX:]
        return taken

    def copy(self) -> CellBuffer:
        """A buffer in the same state."""
        other = CellBuffer()
        other.open, other._given, other._in_word = self.open, self._given, self._in_word
        return other
