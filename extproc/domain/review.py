"""Notes of one exchange for reviewers: its findings, each with some surrounding text.

Notes exist only if the configuration has a review queue. They contain user text: only the review queue may read it, and
masks it before storing. So it is excluded from every ``repr``, and log lines have no field for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from extproc.domain.finding import Evidence

NOTES_MAX: Final = 32
NOTES_OF_A_KIND_MAX: Final = 4  # per guard, direction and kind: the fiftieth address of one text adds nothing
FOUND_CHARS_MAX: Final = 2_000
MARGIN_CHARS: Final = 100  # kept beyond the shown context, so that a value at its edge is complete when it is masked


FindingListener = Callable[[str, str, str, Evidence], None]
"""Called with guard, direction, action and evidence."""


@dataclass(frozen=True, slots=True)
class FindingNote:
    """One finding.

    Attributes:
        kind, score, detector: as in ``Finding``.
        is_data: the finding is data that a mask hides; otherwise it is words that reviewers must read.
        text: surrounding text, unmasked; empty if it is not kept or not known.
        start, end: position of the finding in ``text`` [characters].
        begins: ``text`` begins where the checked text began: no value is truncated there.
        ends: likewise for the end.
    """

    guard: str
    direction: str
    speaker: str
    action: str
    kind: str
    score: float
    detector: str
    is_data: bool
    text: str = field(default="", repr=False)
    start: int = 0
    end: int = 0
    begins: bool = True
    ends: bool = True


class FindingNotes:
    """The notes of one exchange, bounded.

    ``context_chars_max`` is the kept text on either side of a finding [characters]; 0: none.

    Args:
        excerpt_chars_max: text shown on either side of a finding [characters]; None keeps no text.
        listener: gets every finding, also those over the limits.
    """

    __slots__ = ("_keeps_text", "_kinds", "_listener", "context_chars_max", "dropped", "noted")

    def __init__(self, excerpt_chars_max: int | None, listener: FindingListener | None = None) -> None:
        self._listener = listener
        self._keeps_text = excerpt_chars_max is not None
        self.context_chars_max = 0 if excerpt_chars_max is None else excerpt_chars_max + MARGIN_CHARS
        self._kinds: dict[tuple[str, str, str], int] = {}
        self.noted: list[FindingNote] = []
        self.dropped = 0  # findings over the limits

    def add(self, guard: str, direction: str, action: str, is_data: bool, evidence: Evidence) -> None:
        """Note one finding, or count it if the limits are reached."""
        if self._listener is not None:
            self._listener(guard, direction, action, evidence)
        finding, text = evidence.finding, evidence.text
        kind = (guard, direction, finding.kind)
        times = self._kinds[kind] = self._kinds.get(kind, 0) + 1
        if times > NOTES_OF_A_KIND_MAX or len(self.noted) >= NOTES_MAX:
            self.dropped += 1
            return
        first = start = end = last = 0
        if text and self._keeps_text:
            around = self.context_chars_max
            start = min(finding.start, len(text))
            end = max(start, min(finding.end, len(text), start + FOUND_CHARS_MAX))
            first, last = max(0, start - around), min(len(text), end + around)
            if end < finding.end:  # the kept text includes the finding itself
                last = end
        self.noted.append(
            FindingNote(
                guard=guard,
                direction=direction,
                speaker=evidence.speaker,
                action=action,
                kind=finding.kind,
                score=finding.score,
                detector=finding.detector,
                is_data=is_data,
                text=text[first:last],
                start=start - first,
                end=end - first,
                begins=evidence.begins and first == 0,
                ends=evidence.ends and last == len(text),
            )
        )
