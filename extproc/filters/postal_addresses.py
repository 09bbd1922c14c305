"""The stage that finds postal addresses, which exceed a cell, and masks, rejects or counts them.

It wraps the stage for spans. Text that cannot belong to an address goes there at once. What may still become one is
held, at most ``ADDRESS_CHARS_MAX`` characters, until later text decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from extproc.detectors.pii.postal_addresses import DETECTOR, POSTAL_ADDRESS, counts_as_begun, postal_bytes, scan
from extproc.detectors.pii.postal_cues import CONTEXT_CHARS_MAX
from extproc.domain.finding import Finding
from extproc.domain.text import Stage, close_stage, yielding
from extproc.filters.base import report_nothing
from extproc.filters.span_detectors import Mask
from extproc.filters.spans import NO_LIMIT, HoldLimit


class PostalAddressStage:
    """Checks one channel.

    ``outside`` checks the text before, between and after addresses, each as a separate text. ``mask`` returns the
    replacement of an address, given the finding and its text; it is None if addresses reject. ``on_finding`` is
    called for each finding. Before that, ``on_text`` is called with the text around it, and with whether no text
    preceded that.
    """

    __slots__ = (
        "_before",
        "_cut_off",
        "_held",
        "_limit",
        "_mask",
        "_masked_chars",
        "_on_finding",
        "_on_text",
        "_outside",
        "rejected",
    )

    def __init__(
        self,
        outside: Stage,
        mask: Mask | None,
        on_finding: Callable[[Finding], None],
        *,
        limit: HoldLimit = NO_LIMIT,
        on_text: Callable[[str, bool], None] | None = None,
    ) -> None:
        self._outside = outside
        self._mask = mask
        self._on_finding = on_finding
        self._on_text = on_text
        self._limit = limit
        self._before = ""  # the end of what was judged: words for an address
        self._held = ""  # what may become an address
        self._masked_chars = 0  # of that, the beginning in whose place a mask was released
        self._cut_off = False  # the text is the end of a truncated text
        self.rejected = False

    def feed(self, text: str) -> str:
        """Process the next piece. Returns: the checked text."""
        return self._judge(self._held + text, complete=False)

    def close(self) -> str:
        """The text is complete. Later input is a separate text, with this one as its context."""
        released = self._judge(self._held, complete=True)
        if not self.rejected:
            released += close_stage(self._outside, self._cut_off)
            self.rejected = self._outside.rejected
        self._remember("\n")
        return released

    def close_cut(self) -> str:
        """Like ``close``; enough of the beginning of an address at the end counts as a finding."""
        self._cut_off = True
        released = self._mask_begun() if self._held else ""
        released += "" if self.rejected else self.close()
        self._cut_off = False
        return released

    def give_up(self) -> str:
        """Stop waiting: judge what is held as it is, or mask it."""
        released = ""
        if self._held and self._limit.mask is not None:
            released = self._mask_held(self._limit.mask)
        elif self._held:
            self._limit.on_limit()
            released = self._judge(self._held, complete=True)
        outside = None if self.rejected else yielding(self._outside)
        if outside is not None:
            released += outside.give_up()
            self.rejected = self._outside.rejected
        return released

    def held(self) -> str:
        """The text held by the outside stage, then what may become an address."""
        return self._outside.held() + self._held[self._masked_chars :]

    def fork(self) -> PostalAddressStage:
        """A stage in the same state that reports nothing."""
        limit = replace(self._limit, on_limit=report_nothing)
        copy = PostalAddressStage(self._outside.fork(), self._mask, report_nothing, limit=limit)
        copy._before, copy._held, copy._masked_chars = self._before, self._held, self._masked_chars
        copy.rejected = self.rejected
        return copy

    def _judge(self, text: str, *, complete: bool) -> str:
        """Check a text as far as it is decided, and hold the rest."""
        whole, at = self._before + text, len(self._before)
        masked_to = at + self._masked_chars
        subject = postal_bytes(whole)
        pieces: list[str] = []
        self._held, self._masked_chars = "", 0
        while not self.rejected:
            start, end, score = scan(subject, at, complete=complete)
            pieces.append(self._pass(whole[max(at, masked_to) : start]))
            if self.rejected:
                break
            if start == end:
                self._held, self._masked_chars = whole[start:], max(0, masked_to - start)
                break
            if start >= masked_to:
                begun = self._cut_off and not whole[end:].strip()
                pieces.append(self._found(Finding(POSTAL_ADDRESS, start, end, score, DETECTOR, begun=begun), whole))
            at = end
        self._before = whole[: len(whole) - len(self._held)][-CONTEXT_CHARS_MAX:]
        return "".join(pieces)

    def _mask_begun(self) -> str:
        """Mask what is held, if it is enough of an address."""
        whole, at = self._before + self._held, len(self._before)
        if not counts_as_begun(postal_bytes(whole), at):
            return ""
        end, masked = len(whole.rstrip()), self._masked_chars
        self._held, self._masked_chars = whole[end:], 0
        return "" if masked else self._found(Finding(POSTAL_ADDRESS, at, end, 0.5, DETECTOR, begun=True), whole)

    def _mask_held(self, mask: str) -> str:
        """Replace what is held; the rest of an address follows without a mask of its own. Returns: what is released."""
        is_new, self._masked_chars = not self._masked_chars, len(self._held)
        if not is_new:
            return ""
        self._limit.on_limit()
        released = self._outside.close()
        self.rejected = self._outside.rejected or self._mask is None
        return released if self.rejected else released + mask

    def _found(self, finding: Finding, whole: str) -> str:
        """Report an address. Returns: the rest of the text before it, and the mask."""
        released = self._outside.close()
        self.rejected = self._outside.rejected
        if self.rejected:
            return released
        if self._on_text is not None:
            self._on_text(whole, len(self._before) < CONTEXT_CHARS_MAX)
        self._on_finding(finding)
        if self._mask is None:
            self.rejected = True
            return released
        return released + self._mask(finding, whole[finding.start : finding.end])

    def _pass(self, text: str) -> str:
        """The output of the outside stage for text that is no address."""
        if not text:
            return ""
        released = self._outside.feed(text)
        self.rejected = self._outside.rejected
        return released

    def _remember(self, text: str) -> None:
        self._before = (self._before + text)[-CONTEXT_CHARS_MAX:]
