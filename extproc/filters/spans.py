"""The stage that finds spans in cells and masks, rejects or counts them; shared by all filters for spans.

A finding in a cell depends on the cell and on the ``CONTEXT_CHARS_MAX`` characters before it, never on later text or on
chunk boundaries (see ``detectors.cells``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, cast

from extproc.detectors.text.cells import (
    CELL_BLANKS,
    CONTEXT_CHARS_MAX,
    JOINED_CHARS_MAX,
    ROOM_CHARS,
    WORD_CHARS_MAX,
    CellBuffer,
    Part,
    cell_end,
    has_long_word,
    next_part,
    section_end,
)
from extproc.detectors.text.folding import VANISHED, folded
from extproc.domain.finding import Finding
from extproc.filters.base import report_nothing
from extproc.filters.span_detectors import (
    BEHIND_CHARS_MAX,
    BeginningDetector,
    Mask,
    SpanDetector,
    awaited_in,
    beginning_in,
    found_in,
    reads_behind,
)

_NOTHING_READ: Final = CELL_BLANKS + VANISHED
_CHAIN_CHARS: Final = JOINED_CHARS_MAX + ROOM_CHARS  # below this length a part can rarely be checked


@dataclass(frozen=True, slots=True)
class HoldLimit:
    """The policy for a word that is longer than the limit, or held longer than allowed.

    Attributes:
        on_limit: called once for such a word.
        word_chars_max: the longest word that is checked as a whole.
        mask: the replacement of the word, and of text joined to it; None: the word is checked in parts, and released.
            If findings reject, any mask rejects.
    """

    on_limit: Callable[[], None]
    word_chars_max: int = WORD_CHARS_MAX
    mask: str | None = None


NO_LIMIT: Final = HoldLimit(report_nothing)


class SpanStage:
    """Checks one channel cell by cell.

    ``mask`` returns the replacement of a finding, given the finding and its text; it is None if findings reject.
    ``on_finding`` is called for each finding. Before that, ``on_text`` is called with the text around it, and with
    whether no text preceded that.
    """

    __slots__ = (
        "_awaited",
        "_before",
        "_buffer",
        "_cut_at",
        "_cut_off",
        "_detector",
        "_in_long_word",
        "_limit",
        "_mask",
        "_on_finding",
        "_on_text",
        "_reads_behind",
        "_swallows",
        "rejected",
    )

    def __init__(
        self,
        detector: SpanDetector,
        mask: Mask | None,
        on_finding: Callable[[Finding], None],
        *,
        limit: HoldLimit = NO_LIMIT,
        on_text: Callable[[str, bool], None] | None = None,
    ) -> None:
        self._on_text = on_text
        self._detector = detector
        self._mask = mask
        self._on_finding = on_finding
        self._limit = limit
        self._buffer = CellBuffer()
        self._reads_behind = reads_behind(detector)
        self._awaited = ""  # closed cells that later text decides about
        self._before = ""
        self._cut_off = False  # the text is the end of a truncated text
        self._cut_at = sys.maxsize  # where the last character that is read ends
        self._in_long_word = False  # the limit was reported for the current word
        self._swallows = False  # the current cell is masked; drop the rest of it
        self.rejected = False

    def feed(self, text: str) -> str:
        """Process the next piece. Returns: the checked text."""
        buffer = self._buffer
        taken = buffer.given if self._swallows else ""
        closed = buffer.push(text)
        if self._swallows:
            closed = self._swallow(closed, taken)
        if self._awaited:
            closed, self._awaited = self._awaited + closed, ""
        released = self._judge(closed, awaits=self._reads_behind) if closed else ""
        open_chars = len(buffer.open)
        if open_chars > _CHAIN_CHARS and (buffer.holds_blank or open_chars > self._limit.word_chars_max):
            released += "" if self.rejected else self._judge_open()
        return released

    def close(self) -> str:
        """Check the open cell too. Later input is a separate text, with this one as its context."""
        taken = self._buffer.given
        rest = self._buffer.take()
        if self._swallows:
            rest = self._swallow(rest, taken) if rest else ""
            self._swallows = False
        rest, self._awaited = self._awaited + rest, ""
        released = self._judge(rest) if rest and not self.rejected else ""
        self._remember("\n")
        return released

    def close_cut(self) -> str:
        """Like ``close``; a possible beginning of a finding at the end of the open cell counts as a finding."""
        self._cut_off = True
        released = self.close()
        self._cut_off = False
        self._cut_at = sys.maxsize
        return released

    def give_up(self) -> str:
        """Stop waiting for the rest of the open cell: mask it, or check the received part and release it."""
        buffer = self._buffer
        if self._swallows or self.rejected or not (self._awaited or buffer.certain):
            return ""
        awaited, self._awaited = self._awaited, ""
        if self._limit.mask is None:
            self._limit.on_limit()
            return self._judge(awaited + buffer.take())
        released = self._mask_awaited(awaited) if awaited else ""
        return released + (self._mask_open() if buffer.certain and not self.rejected else "")

    def held(self) -> str:
        """The text that is not judged: the open cell, and what waits for it."""
        return self._awaited + self._buffer.open

    def fork(self) -> SpanStage:
        """A stage in the same state that reports nothing."""
        limit = replace(self._limit, on_limit=report_nothing)
        copy = SpanStage(self._detector, self._mask, report_nothing, limit=limit)
        copy._buffer = self._buffer.copy()
        copy._awaited, copy._before = self._awaited, self._before
        copy._in_long_word, copy._swallows = self._in_long_word, self._swallows
        copy.rejected = self.rejected
        return copy

    # --- whole cells -----------------------------------------------------------------------------------------------

    def _judge(self, text: str, *, awaits: bool = False) -> str:
        """Check a text of whole cells; with ``awaits``, the last may be kept until its text behind is known."""
        word_chars_max = self._limit.word_chars_max
        holds_long_word = len(text) > word_chars_max and has_long_word(text, word_chars_max)
        judged = holds_long_word or self._cut_off
        if not judged and not self._detector.might_match(text):
            self._in_long_word = False
            self._remember(text)
            return text
        whole = self._before + text
        shape = folded(whole)
        if self._cut_off:
            self._cut_at = len(shape.rstrip(_NOTHING_READ))
        position = done = len(self._before)
        pieces: list[str] = []
        while position < len(whole) and not (self.rejected or self._awaited):
            stop = len(whole) if judged else section_end(whole, position)
            if judged or self._detector.might_match(whole[position:stop]):
                done = self._judge_section(whole, shape, position, stop, done, pieces, awaits)
            else:
                self._in_long_word = False
            position = stop
        if not self.rejected:
            judged_to = len(whole) - len(self._awaited)
            pieces.append(whole[done:judged_to])
            self._remember(whole[len(self._before) : judged_to])
        return "".join(pieces)

    def _judge_section(
        self, whole: str, shape: str, position: int, stop: int, done: int, pieces: list[str], awaits: bool
    ) -> int:
        """Check the cells from ``position`` to ``stop``. Returns: the end of the released text."""
        while not self.rejected:
            part = next_part(shape, position, self._limit.word_chars_max)
            if part is None or part.first >= stop:
                break
            if part.overlong and self._reaches_limit():
                pieces.append(whole[done : part.first])
                pieces.append(self._limit_mask())
                position = done = cell_end(shape, part.first)
                self._in_long_word = False
                continue
            if awaits and self._must_wait(whole, part):
                self._awaited = whole[part.first :]
                break
            findings = self._findings(whole, part)
            if part.overlong and self._mask_endless(whole, part, findings, done, pieces):
                position = done = cell_end(shape, part.first)
                continue
            position, done = self._judge_part(whole, part, findings, done, pieces)
            self._in_long_word = part.overlong
        return done

    # --- the open cell ---------------------------------------------------------------------------------------------

    def _judge_open(self) -> str:
        """Check and release the beginning of an open cell, as far as later text cannot change it."""
        buffer = self._buffer
        whole = self._before + buffer.certain
        shape = folded(whole)
        begin = position = done = len(self._before)
        pieces: list[str] = []
        while not self.rejected and (part := next_part(shape, position, self._limit.word_chars_max)) is not None:
            if part.settled == part.last:
                break
            if part.overlong and self._reaches_limit():
                pieces.append(whole[done:position])
                self._remember(buffer.take(position - begin))
                pieces.append(self._mask_open())
                return "".join(pieces)
            findings = self._findings(whole, part)
            if part.overlong and self._mask_endless(whole, part, findings, done, pieces):
                self._swallow_open(position - begin)
                return "".join(pieces)
            position, done = self._judge_part(whole, part, findings, done, pieces)
            self._in_long_word = part.overlong
        if not self.rejected and position > begin:
            pieces.append(whole[done:position])
            self._remember(buffer.take(position - begin))
        return "".join(pieces)

    def _mask_open(self) -> str:
        """Mask the open cell, and all the rest of it."""
        mask = self._limit_mask()
        self._swallow_open()
        return mask

    def _mask_awaited(self, awaited: str) -> str:
        """Mask a cell that waits for the text behind it. Returns: the mask, and what is known of that text."""
        self._remember(awaited)
        mask = self._limit_mask()
        return "" if self.rejected else mask + awaited[cell_end(folded(awaited), 0) :]

    def _swallow_open(self, chars: int = 0) -> None:
        """Drop the open cell, of which the given number of characters was released, and all the rest of it."""
        if chars:
            self._remember(self._buffer.take(chars))
        self._swallows = not self.rejected
        self._swallow("", self._buffer.given)

    def _swallow(self, closed: str, taken: str) -> str:
        """Drop the text of a cell that has been masked. Returns: the text after it."""
        if closed:
            chars = cell_end(folded(taken + closed), len(taken)) - len(taken)
            self._remember(closed[:chars])
            self._swallows = False
            return closed[chars:]
        certain = self._buffer.certain
        if certain:
            self._remember(self._buffer.take(len(certain)))
        return ""

    # --- findings beyond a window -----------------------------------------------------------------------------------

    def _mask_endless(self, whole: str, part: Part, findings: list[Finding], done: int, pieces: list[str]) -> bool:
        """Mask a finding that continues beyond a window, if there is one; the caller drops the rest of the word."""
        endless = self._endless(whole, part, findings)
        if endless is None:
            return False
        self._replace(whole, [*[one for one in findings if one.end <= endless.start], endless], done, pieces)
        self._in_long_word = False
        return True

    def _endless(self, whole: str, part: Part, findings: list[Finding]) -> Finding | None:
        """A finding that starts in the first half of a window and reaches its end: its own end is not visible."""
        first, last, settled, _ = part
        for finding in findings:
            if finding.end == last and finding.start < settled:
                return replace(finding, begun=True)
        if not hasattr(self._detector, "endless"):
            return None
        base = max(0, first - CONTEXT_CHARS_MAX)
        begun = cast("BeginningDetector", self._detector).endless(whole[base:last], first - base)
        if begun is None or begun.start + base >= settled:
            return None
        return replace(begun, start=begun.start + base, end=last)

    # --- parts -----------------------------------------------------------------------------------------------------

    def _judge_part(
        self, whole: str, part: Part, findings: list[Finding], done: int, pieces: list[str]
    ) -> tuple[int, int]:
        """Process one part. Returns: where the next begins, and the end of the released text."""
        _, last, stop, _ = part
        if stop < last:
            findings = [one for one in findings if one.start < stop]
            if findings:
                stop = max(stop, findings[-1].end)
            if stop < len(whole) and whole[stop] in CELL_BLANKS:  # the rest begins with a word, as every cell does
                stop += 1
        return stop, self._replace(whole, findings, done, pieces) if findings else done

    def _findings(self, whole: str, part: Part) -> list[Finding]:
        first, last = part.first, part.last
        base = max(0, first - CONTEXT_CHARS_MAX)
        behind = self._behind(whole, last) if self._reads_behind and part.settled == last else ""
        found = found_in(self._detector, whole[base:last], first - base, behind)
        if self._cut_off and not whole[last + BEHIND_CHARS_MAX :]:
            awaited = awaited_in(self._detector, whole[base:last], first - base, behind)
            if awaited is not None and whole[base + awaited.end :].strip():
                found = _with_beginning(found, awaited)
        if last >= self._cut_at:
            found = _with_beginning(found, beginning_in(self._detector, whole[base:], first - base))
        if not base:
            return found
        return [replace(one, start=one.start + base, end=one.end + base) for one in found]

    def _must_wait(self, whole: str, part: Part) -> bool:
        """Whether text that has not come yet may decide about a part: only about the end of the last cells."""
        first, last, settled, _ = part
        if settled < last or len(whole) - last >= BEHIND_CHARS_MAX:
            return False
        base = max(0, first - CONTEXT_CHARS_MAX)
        return awaited_in(self._detector, whole[base:last], first - base, self._behind(whole, last)) is not None

    def _behind(self, whole: str, last: int) -> str:
        """What follows a cell that ends at ``last``, as far as it may decide about it."""
        behind = whole[last : last + BEHIND_CHARS_MAX]
        missing = BEHIND_CHARS_MAX - len(behind)
        return behind + (self._awaited + self._buffer.open)[:missing] if missing else behind

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

    # --- the limit -------------------------------------------------------------------------------------------------

    def _reaches_limit(self) -> bool:
        """Record that a word is too long. Returns: whether it is masked for that."""
        if self._limit.mask is None and not self._in_long_word:
            self._limit.on_limit()
        return self._limit.mask is not None

    def _limit_mask(self) -> str:
        """The replacement of a word that reached the limit; empty if masks reject."""
        self._limit.on_limit()
        if self._mask is None:
            self.rejected = True
            return ""
        return self._limit.mask or ""

    def _remember(self, text: str) -> None:
        self._before = (self._before + text)[-CONTEXT_CHARS_MAX:]


def _with_beginning(found: list[Finding], begun: Finding | None) -> list[Finding]:
    """Merge the findings with a beginning at the end: if two overlap, the beginning wins, and covers both."""
    if begun is None or (found and found[-1].end >= begun.end and found[-1].start <= begun.start):
        return found
    apart = [one for one in found if one.end <= begun.start]
    first = begun.start if len(apart) == len(found) else min(begun.start, found[len(apart)].start)
    return [*apart, replace(begun, start=first)]
