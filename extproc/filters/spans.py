"""The stage that finds spans in cells and masks, rejects or counts them; shared by every filter that judges spans.

What is found in a cell depends on the cell and on the ``CONTEXT_CHARS_MAX`` characters before it, never on what
follows or on how the text was cut (see ``detectors.cells``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from extproc.detectors.cells import (
    CELL_BLANKS,
    CELL_CHARS_MAX,
    CELL_CHARS_SETTLED,
    CONTEXT_CHARS_MAX,
    CellBuffer,
    next_cell,
)
from extproc.domain.finding import Finding

Mask = Callable[[Finding, str], str]


class SpanDetector(Protocol):
    """A detector whose findings never leave a cell."""

    def may_hold(self, text: str) -> bool:
        """False only if no part of the text can hold a finding: the cheap test that most texts fail."""
        ...

    def find(self, text: str, start: int = 0) -> list[Finding]:
        """Findings that lie in ``text[start:]``, in order; what stands before is context."""
        ...


class SpanStage:
    """Judges one channel cell by cell.

    ``mask`` gives the text that replaces a finding, from it and the text it stands for, or is None where findings
    reject. ``on_finding`` is told of each, and ``on_text`` before that is shown the text it stands in, and whether
    nothing stood before that text.
    """

    __slots__ = ("_before", "_buffer", "_detector", "_mask", "_on_finding", "_on_text", "rejected")

    def __init__(
        self,
        detector: SpanDetector,
        mask: Mask | None,
        on_finding: Callable[[Finding], None],
        on_text: Callable[[str, bool], None] | None = None,
    ) -> None:
        self._on_text = on_text
        self._detector = detector
        self._mask = mask
        self._on_finding = on_finding
        self._buffer = CellBuffer()
        self._before = ""
        self.rejected = False

    def feed(self, text: str) -> str:
        """Take the next piece; return what is judged."""
        buffer = self._buffer
        closed = buffer.push(text)
        released = self._judge(closed) if closed else ""
        if len(buffer.open) > CELL_CHARS_MAX and buffer.overlong and not self.rejected:
            released += self._judge_overlong()
        return released

    def close(self) -> str:
        """Judge the open cell too. A text fed afterwards is another one, with this one as its context."""
        rest = self._buffer.take()
        released = self._judge(rest) if rest and not self.rejected else ""
        self._remember("\n")
        return released

    def held(self) -> str:
        """The open cell."""
        return self._buffer.open

    def fork(self) -> SpanStage:
        """A stage in the same state that tells nobody what it finds."""
        copy = SpanStage(self._detector, self._mask, _tell_nobody)
        copy._buffer = self._buffer.copy()
        copy._before = self._before
        copy.rejected = self.rejected
        return copy

    def _judge(self, text: str) -> str:
        """Judge a text of whole cells."""
        if not self._detector.may_hold(text):
            self._remember(text)
            return text
        whole = self._before + text
        position = done = len(self._before)
        pieces: list[str] = []
        while not self.rejected and (cell := next_cell(whole, position)) is not None:
            first, last = cell
            if last - first > CELL_CHARS_MAX:
                position, done = self._judge_window(whole, first, done, pieces)
            else:
                position, done = last, self._replace(whole, self._findings(whole, first, last), done, pieces)
        if not self.rejected:
            pieces.append(whole[done:])
            self._remember(text)
        return "".join(pieces)

    def _judge_overlong(self) -> str:
        """Judge and give out the beginning of an open cell, until no more is open than a cell may have."""
        whole = self._before + self._buffer.open
        begin = position = done = len(self._before)
        pieces: list[str] = []
        while not self.rejected and (cell := next_cell(whole, position)) is not None:
            if cell[1] - cell[0] <= CELL_CHARS_MAX:
                break
            position, done = self._judge_window(whole, position, done, pieces)
        if not self.rejected:
            pieces.append(whole[done:position])
            self._remember(self._buffer.take(position - begin))
        return "".join(pieces)

    def _judge_window(self, whole: str, first: int, done: int, pieces: list[str]) -> tuple[int, int]:
        """Settle the beginning of a cell that is too long; returns where the rest begins, and what is given out."""
        findings = self._findings(whole, first, first + CELL_CHARS_MAX)
        stop = first + CELL_CHARS_SETTLED
        settled = [finding for finding in findings if finding.start < stop]
        if settled:
            stop = max(stop, settled[-1].end)
        if whole[stop] in CELL_BLANKS:  # the rest begins with a word, as every cell does
            stop += 1
        return stop, self._replace(whole, settled, done, pieces)

    def _findings(self, whole: str, first: int, last: int) -> list[Finding]:
        base = max(0, first - CONTEXT_CHARS_MAX)
        found = self._detector.find(whole[base:last], first - base)
        if not base:
            return found
        return [Finding(f.kind, f.start + base, f.end + base, f.score, f.detector) for f in found]

    def _replace(self, whole: str, findings: list[Finding], done: int, pieces: list[str]) -> int:
        if findings and self._on_text is not None:
            self._on_text(whole, len(self._before) < CONTEXT_CHARS_MAX)
        for finding in findings:
            self._on_finding(finding)
            pieces.append(whole[done : finding.start])
            if self._mask is None:
                self.rejected = True
                return finding.start
            pieces.append(self._mask(finding, whole[finding.start : finding.end]))
            done = finding.end
        return done

    def _remember(self, text: str) -> None:
        self._before = (self._before + text)[-CONTEXT_CHARS_MAX:]


def _tell_nobody(finding: Finding) -> None:
    """What a fork finds is found again, and told, by the stage itself."""
