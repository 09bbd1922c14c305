"""What of one exchange people are to look at: its findings one by one, each with some of the text around it.

It is noted only where the configuration has a review queue. The text is that of users: nothing but the review queue may
read it, which masks it before it keeps it. So it is left out of every ``repr``, and no log line has a place for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from extproc.domain.finding import Evidence

NOTES_MAX = 32
NOTES_OF_A_KIND_MAX = 4  # of one guard, direction and kind: the fiftieth address of one text teaches nobody
FOUND_CHARS_MAX = 2_000
MARGIN_CHARS = 100  # kept beyond what is shown, so that a value at the edge is known whole when it is masked


@dataclass(frozen=True, slots=True)
class FindingNote:
    """One finding.

    Attributes:
        kind, score, detector: as in ``Finding``.
        is_data: what was found is data that a mask hides; else it is words that people must read to judge it.
        text: what stood around it, unmasked; empty where that is not kept or not known.
        start, end: where in ``text`` it was found [characters].
        begins: ``text`` begins where the text that was judged began: no value is cut off there.
        ends: likewise.
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

    ``context_chars_max`` is how much text they keep on either side of what was found [characters]; 0: no text.

    Args: excerpt_chars_max: text that may be shown on either side of what was found [characters]; None keeps no text.
    """

    __slots__ = ("_keeps_text", "_kinds", "context_chars_max", "dropped", "noted")

    def __init__(self, excerpt_chars_max: int | None) -> None:
        self._keeps_text = excerpt_chars_max is not None
        self.context_chars_max = 0 if excerpt_chars_max is None else excerpt_chars_max + MARGIN_CHARS
        self._kinds: dict[tuple[str, str, str], int] = {}
        self.noted: list[FindingNote] = []
        self.dropped = 0  # findings that the limits left no place for

    def add(self, guard: str, direction: str, action: str, is_data: bool, evidence: Evidence) -> None:
        """Note one finding, or count that there was no place for it."""
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
            if end < finding.end:  # what follows is what was found, too
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
