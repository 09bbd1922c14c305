"""What a stage asks of a detector of spans: findings in cells, beginnings of them, and cells that must wait.

A finding depends on its cell and on the text before it. A detector that reads cues *behind* a value also needs a few
words after the cell. So a stage asks it whether the last cell can be judged yet, and keeps it until then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, cast

from extproc.domain.finding import Finding

Mask = Callable[[Finding, str], str]

BEHIND_CHARS_MAX: Final = 48
"""How much text after a cell may decide about it."""


class SpanDetector(Protocol):
    """A detector whose findings never extend beyond a cell."""

    def might_match(self, text: str) -> bool:
        """A prefilter that most texts fail: False only if no part of the text can hold a finding."""
        ...

    def find(self, text: str, start: int = 0) -> list[Finding]:
        """Findings in ``text[start:]``, in order; the text before is context."""
        ...


class BeginningDetector(SpanDetector, Protocol):
    """A detector that recognizes the beginning of a finding."""

    def beginning(self, text: str, start: int = 0) -> Finding | None:
        """A possible beginning of a finding at the end of a truncated text."""
        ...

    def endless(self, text: str, start: int = 0) -> Finding | None:
        """A finding that starts in a word and continues beyond the text's end, at any length."""
        ...


class CueDetector(SpanDetector, Protocol):
    """A detector that reads cues behind a value, of at most ``BEHIND_CHARS_MAX`` characters and without digits."""

    def find(self, text: str, start: int = 0, behind: str = "") -> list[Finding]:
        """Findings in ``text[start:]``; ``behind`` follows the text."""
        ...

    def awaited(self, text: str, start: int, behind: str) -> Finding | None:
        """A number in ``text[start:]`` that is none yet, and may become one by what follows ``behind``."""
        ...


def beginning_in(detector: SpanDetector, text: str, start: int) -> Finding | None:
    """The detector's finding at the end of a text, if it recognizes beginnings."""
    return cast("BeginningDetector", detector).beginning(text, start) if hasattr(detector, "beginning") else None


def reads_behind(detector: SpanDetector) -> bool:
    """Whether later text may decide about a cell."""
    return hasattr(detector, "awaited")


def found_in(detector: SpanDetector, text: str, start: int, behind: str) -> list[Finding]:
    """The findings in a cell; ``behind`` is what follows it, as far as the detector reads that."""
    if behind and reads_behind(detector):
        return cast("CueDetector", detector).find(text, start, behind)
    return detector.find(text, start)


def awaited_in(detector: SpanDetector, text: str, start: int, behind: str) -> Finding | None:
    """A number in a cell that later text may decide about."""
    return cast("CueDetector", detector).awaited(text, start, behind) if reads_behind(detector) else None
