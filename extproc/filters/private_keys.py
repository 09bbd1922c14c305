"""The stage that finds private key blocks, which span lines, and masks, rejects or counts them.

It wraps the stage for spans: text outside of blocks goes there immediately, except a few characters that may begin a
block. A block's first line is held until its body appears; the body is never kept.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from extproc.detectors.pii.private_keys import (
    BEGIN,
    BEGIN_PART,
    BODY,
    END,
    END_PART,
    MARKER_CHARS_MAX,
    OPENING,
    OPENING_CHARS_MAX,
    OPENING_CUT,
    OPENING_PART,
)
from extproc.detectors.text.latin1 import latin1_bytes
from extproc.domain.finding import Finding
from extproc.domain.text import Stage, close_stage, yielding
from extproc.filters.base import report_nothing

KIND: Final = "PRIVATE_KEY"
_HYPHEN: Final = ord("-")


def may_hold_private_key(text: str) -> bool:
    """Whether a whole text can hold a block."""
    return "PRIVATE KEY" in text


class _Place(Enum):
    OUTSIDE = auto()
    OPENING = auto()  # after a first line, before enough of a body
    BODY = auto()
    BEHIND = auto()  # after a last line: its last hyphen may follow


class PrivateKeyStage:
    """Checks one channel.

    ``outside`` checks the text before, between and after blocks, each as a separate text. ``mask`` returns the
    replacement of a block; it is None if blocks reject. ``on_finding`` is called for each block. Before that,
    ``on_text`` is called with the block's first line, which is the span of the finding, and with whether no text
    preceded it.
    """

    __slots__ = ("_begun", "_first_line", "_held", "_mask", "_on_finding", "_on_text", "_outside", "_place", "rejected")

    def __init__(
        self,
        outside: Stage,
        mask: Callable[[Finding], str] | None,
        on_finding: Callable[[Finding], None],
        on_text: Callable[[str, bool], None] | None = None,
    ) -> None:
        self._on_text = on_text
        self._outside = outside
        self._mask = mask
        self._on_finding = on_finding
        self._place = _Place.OUTSIDE
        self._first_line = ""  # of a block whose body has not appeared
        self._held = ""  # text not yet checked, after the first line if there is one
        self._begun = False  # whether any text was checked, apart from a held first line
        self.rejected = False

    def feed(self, text: str) -> str:
        """Process the next piece. Returns: the checked text outside of blocks."""
        if self._place is _Place.OUTSIDE and not self._held and "-" not in text:
            return self._judged(text)
        whole = self._held + text
        subject = latin1_bytes(whole)
        pieces: list[str] = []
        at = 0
        while at < len(whole) and not self.rejected:
            place, start = self._place, at
            at = self._step(whole, subject, at, pieces)
            if at == start and self._place is place:
                break
        self._held = "" if self.rejected else whole[at:]
        return "".join(pieces)

    def close(self) -> str:
        """The text is complete: an incomplete block is not a block."""
        return self._close(cut_off=False)

    def close_cut(self) -> str:
        """The text was truncated: a first line with the beginning of a body is a block."""
        if self._place is not _Place.OPENING or OPENING_CUT.search(latin1_bytes(self._held)) is None:
            return self._close(cut_off=True)
        pieces: list[str] = []
        self._held = ""
        self._found(pieces)
        self._place = _Place.OUTSIDE
        return "".join(pieces)

    def _close(self, cut_off: bool) -> str:
        rest = self._first_line + self._held
        self._place, self._first_line, self._held = _Place.OUTSIDE, "", ""
        released = self._judged(rest)
        if not self._outside.rejected:
            released += close_stage(self._outside, cut_off)
        self.rejected = self._outside.rejected
        return released

    def held(self) -> str:
        """The text held by the outside stage, then a first line or a possible beginning of one."""
        return self._outside.held() + self._first_line + self._held

    def give_up(self) -> str:
        """Make the outside stage stop waiting. A possible block is short, and a block's body is never held."""
        outside = yielding(self._outside)
        if self._place is not _Place.OUTSIDE or self._held or outside is None:
            return ""
        released = outside.give_up()
        self.rejected = self._outside.rejected
        return released

    def fork(self) -> PrivateKeyStage:
        """A stage in the same state that reports nothing."""
        copy = PrivateKeyStage(self._outside.fork(), self._mask, report_nothing)
        copy._place, copy._first_line, copy._held = self._place, self._first_line, self._held
        copy._begun, copy.rejected = self._begun, self.rejected
        return copy

    def _step(self, whole: str, subject: bytes, at: int, pieces: list[str]) -> int:
        """Process one state from ``at`` on. Returns: the new position; ``at`` if more text is needed."""
        match self._place:
            case _Place.OUTSIDE:
                return self._pass(whole, subject, at, pieces)
            case _Place.OPENING:
                return self._opening(subject, at, pieces)
            case _Place.BODY:
                return self._body(subject, at)
        self._place = _Place.OUTSIDE
        return at + (subject[at] == _HYPHEN)

    def _pass(self, whole: str, subject: bytes, at: int, pieces: list[str]) -> int:
        begin = BEGIN.search(subject, at)
        if begin is not None:
            pieces.append(self._judged(whole[at : begin.start()]))
            self._first_line = whole[begin.start() : begin.end()]
            self._place = _Place.OPENING
            return int(begin.end())
        tail = max(at, len(subject) - MARKER_CHARS_MAX)
        part = BEGIN_PART.search(subject[tail:])
        stop = tail + part.start() if part else len(subject)
        pieces.append(self._judged(whole[at:stop]))
        return stop

    def _opening(self, subject: bytes, at: int, pieces: list[str]) -> int:
        limit = min(len(subject), at + OPENING_CHARS_MAX)
        opening = OPENING.match(subject, at, limit)
        if opening is not None:
            self._place = _Place.BODY
            self._found(pieces)
            return int(opening.end())
        if limit < at + OPENING_CHARS_MAX and OPENING_PART.fullmatch(subject, at, limit) is not None:
            return at
        pieces.append(self._judged(self._first_line))
        self._first_line = ""
        self._place = _Place.OUTSIDE
        return at

    def _found(self, pieces: list[str]) -> None:
        first_line, self._first_line = self._first_line, ""
        pieces.append(self._outside.close())
        self.rejected = self._outside.rejected
        if self.rejected:
            return
        finding = Finding(KIND, 0, len(first_line), 1.0, "pii.private_key")
        if self._on_text is not None:
            self._on_text(first_line, not self._begun)
        self._begun = True
        self._on_finding(finding)
        if self._mask is None:
            self.rejected = True
        else:
            pieces.append(self._mask(finding))

    def _judged(self, text: str) -> str:
        """The output of the outside stage for text outside of blocks."""
        if not text:
            return ""
        self._begun = True
        released = self._outside.feed(text)
        self.rejected = self._outside.rejected
        return released

    def _body(self, subject: bytes, at: int) -> int:
        at = BODY.match(subject, at).end()
        end = END.match(subject, at, min(len(subject), at + MARKER_CHARS_MAX))
        if end is not None:
            self._place = _Place.BEHIND
            return int(end.end())
        if END_PART.fullmatch(subject, at, len(subject)) is None and at < len(subject):
            self._place = _Place.OUTSIDE
        return at
