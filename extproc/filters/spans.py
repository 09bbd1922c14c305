"""The stage that finds spans in cells and masks, rejects or counts them; shared by every filter that judges spans.

What is found in a cell depends on the cell and on the ``CONTEXT_CHARS_MAX`` characters before it, never on what follows or on
how the text was cut (see ``detectors.cells``).
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
    cells,
)
from extproc.domain.finding import Finding


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

    ``mask`` gives the text that replaces a finding, or is None where findings reject; ``on_finding`` is told of each.
    """

    __slots__ = ("_before", "_buffer", "_detector", "_mask", "_on_finding", "rejected")

    def __init__(
        self,
        detector: SpanDetector,
        mask: Callable[[Finding], str] | None,
        on_finding: Callable[[Finding], None],
    ) -> None:
        self._detector = detector
        self._mask = mask
        self._on_finding = on_finding
        self._buffer = CellBuffer()
        self._before = ""
        self.rejected = False

    def feed(self, text: str) -> str:
        """Take the next piece; return what is judged."""
        closed = self._buffer.push(text)
        released = self._judge(closed) if closed else ""
        while len(self._buffer.open) > CELL_CHARS_MAX and not self.rejected:
            released += self._settle_half()
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

    def _judge(self, text: str) -> str:
        """Mask a text of whole cells."""
        if not self._detector.may_hold(text):
            self._remember(text)
            return text
        context = self._before
        whole = context + text
        pieces: list[str] = []
        done = offset = len(context)
        for start, end in cells(text):
            first, last = start + offset, end + offset
            while last - first > CELL_CHARS_MAX:
                first, done = self._judge_window(whole, first, done, pieces)
                if self.rejected:
                    return "".join(pieces)
            done = self._replace(whole, self._findings(whole, first, last), done, pieces)
            if self.rejected:
                return "".join(pieces)
        pieces.append(whole[done:])
        self._remember(text)
        return "".join(pieces)

    def _judge_window(self, whole: str, first: int, done: int, pieces: list[str]) -> tuple[int, int]:
        """Settle the beginning of a cell that is too long; returns where the rest begins, and what is given out."""
        findings = self._findings(whole, first, first + CELL_CHARS_MAX)
        stop = first + CELL_CHARS_SETTLED
        settled = [finding for finding in findings if finding.start < stop]
        if settled:
            stop = max(stop, settled[-1].end)
        if whole[stop] in CELL_BLANKS:  # a streamed rest begins with a word, so this one must too
            stop += 1
        return stop, self._replace(whole, settled, done, pieces)

    def _settle_half(self) -> str:
        offset = len(self._before)
        whole = self._before + self._buffer.open
        pieces: list[str] = []
        stop, done = self._judge_window(whole, offset, offset, pieces)
        taken = self._buffer.take(stop - offset)
        if not self.rejected:
            pieces.append(whole[done:stop])
            self._remember(taken)
        return "".join(pieces)

    def _findings(self, whole: str, first: int, last: int) -> list[Finding]:
        base = max(0, first - CONTEXT_CHARS_MAX)
        found = self._detector.find(whole[base:last], first - base)
        if not base:
            return found
        return [Finding(f.kind, f.start + base, f.end + base, f.score, f.detector) for f in found]

    def _replace(self, whole: str, findings: list[Finding], done: int, pieces: list[str]) -> int:
        for finding in findings:
            self._on_finding(finding)
            pieces.append(whole[done : finding.start])
            if self._mask is None:
                self.rejected = True
                return finding.start
            pieces.append(self._mask(finding))
            done = finding.end
        return done

    def _remember(self, text: str) -> None:
        self._before = (self._before + text)[-CONTEXT_CHARS_MAX:]
