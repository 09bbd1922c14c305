"""The excerpt around a finding: personal data masked, and nothing that a truncated edge may have disguised.

A note holds more text than is shown (see ``domain.review``). At a truncated edge there may be half a value that no
detector recognizes, or a value without its cue word; such text is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.kinds import ENTITIES
from extproc.detectors.pii.phone_cues import BEHIND_CHARS_MAX
from extproc.detectors.pii.postal_addresses import postal_addresses, prepare_addresses
from extproc.detectors.text.cells import CONTEXT_CHARS_MAX, CellBuffer, cells
from extproc.detectors.text.folding import folded
from extproc.domain.review import FindingNote

Texts = Literal["masked", "none", "plain"]
CUE_CHARS_MAX = 48  # how far before a value detectors look for its cue word
_LOOKS_MAX = 4
_GLUE = "<"  # separates cells, like masks do
_KNOWN_CHARS_MIN = 4  # a shorter value would match unrelated words
CELL_CHARS_SHOWN_MAX = 256  # a longer last "word" is useless to a reader, and may be half a secret


class Excerpt(NamedTuple):
    """A text, and the position of the finding, or its mask, in it [characters]."""

    text: str
    start: int
    end: int


class _Span(NamedTuple):
    first: int
    last: int
    kind: str


NOTHING = Excerpt("", 0, 0)


class Excerpts:
    """Builds excerpts from notes.

    Args:
        texts: which texts may be kept.
        chars_max: context on either side of a finding [characters].
    """

    def __init__(self, texts: Texts, chars_max: int) -> None:
        self._texts = texts
        self._chars_max = chars_max
        self._detector = PiiDetector(ENTITIES)
        if texts == "masked":
            prepare_addresses()

    def of_all(self, notes: Sequence[FindingNote]) -> list[Excerpt]:
        """The excerpts of one exchange's notes: data found by one guard is masked in the context of other findings."""
        found = {note.text[note.start : note.end]: note.kind for note in notes if note.is_data}
        known = {value: kind for value, kind in found.items() if len(value) >= _KNOWN_CHARS_MIN}
        return [self.of(note, known) for note in notes]

    def of(self, note: FindingNote, known: Mapping[str, str] = MappingProxyType({})) -> Excerpt:
        """The excerpt of one note; empty if no text may be kept or none is known.

        Args: known: values to mask wherever they occur, each with its kind.
        """
        if self._texts == "none" or not note.text:
            return NOTHING
        text = note.text
        first = max(0, note.start - self._chars_max)
        last = min(len(text), note.end + self._chars_max)
        if self._texts == "plain":
            return Excerpt(storable(text[first:last]), note.start - first, note.end - first)
        judged = list(cells(folded(text)))
        safe_first, safe_last = _safe_first(note, judged), _safe_last(note, judged, self._detector)
        start, end = _safe_found(note, safe_first, safe_last)
        first, last = _whole_cells(max(first, safe_first), min(last, safe_last), judged)
        first, last = min(first, start), max(last, end)
        data = [_Span(note.start, note.end, note.kind)] if note.is_data else []
        hidden = _merged(self._with_personal_data(text, [*data, *_places(text, known)]))
        first = next((span.first for span in hidden if span.first < first < span.last), first)
        last = next((span.last for span in hidden if span.first < last < span.last), last)
        return _masked(text, first, last, hidden, start, end)

    def _with_personal_data(self, text: str, hidden: list[_Span]) -> list[_Span]:
        """Already hidden spans, plus all kinds of personal data that the pii guard would find.

        A neighbor that hid a value from the detector may be a mask now, so the rest is scanned again.
        """
        news = hidden
        for _ in range(_LOOKS_MAX):
            for span in news:
                text = f"{text[: span.first]}{_GLUE * (span.last - span.first)}{text[span.last :]}"
            news = list(self._personal_data(text))
            if not news:
                break
            hidden = [*hidden, *news]
        return hidden

    def _personal_data(self, text: str) -> Iterator[_Span]:
        """What the pii guard would find: it scans for addresses, and then cell by cell."""
        for finding in postal_addresses(text):
            yield _Span(finding.start, finding.end, finding.kind)
        if not self._detector.might_match(text):
            return
        for first, last in cells(folded(text)):
            base = max(0, first - CONTEXT_CHARS_MAX)
            behind = text[last : last + BEHIND_CHARS_MAX]
            for finding in self._detector.find(text[base:last], first - base, behind):
                yield _Span(base + finding.start, base + finding.end, finding.kind)


def _places(text: str, known: Mapping[str, str]) -> Iterator[_Span]:
    for value, kind in known.items():
        position = text.find(value)
        while position >= 0:
            yield _Span(position, position + len(value), kind)
            position = text.find(value, position + len(value))


def _safe_first(note: FindingNote, judged: Sequence[tuple[int, int]]) -> int:
    """The first position from which all values are complete, with their cue words."""
    if note.begins:
        return 0
    return next((last for _, last in judged if last >= CUE_CHARS_MAX), len(note.text))


def _safe_last(note: FindingNote, judged: Sequence[tuple[int, int]], detector: PiiDetector) -> int:
    """The last position up to which values are complete, with their cue words."""
    text = note.text
    if not note.ends:
        return _decided(text, len(CellBuffer().push(text)), judged, detector)
    if judged and judged[-1][1] == len(text) and judged[-1][1] - judged[-1][0] > CELL_CHARS_SHOWN_MAX:
        return judged[-1][0]
    return len(text)


def _decided(text: str, end: int, judged: Sequence[tuple[int, int]], detector: PiiDetector) -> int:
    """``end``, or the start of a cell before it about which the words that are missing could decide."""
    for first, last in reversed(judged):
        if last < len(text) - BEHIND_CHARS_MAX:
            break
        base = max(0, first - CONTEXT_CHARS_MAX)
        if last <= end and detector.awaited(text[base:last], first - base, text[last:]) is not None:
            return first
    return end


def _safe_found(note: FindingNote, safe_first: int, safe_last: int) -> tuple[int, int]:
    """The finding without half a value: a passage checked as a whole may begin and end where a text was truncated.

    Data is masked; other words are known to be complete, as they end before the text does.
    """
    if note.is_data:
        return note.start, note.end
    start = note.start if note.begins or note.start else min(safe_first, note.end)
    end = note.end if note.ends or note.end < len(note.text) else safe_last
    return min(start, end), end


def _whole_cells(first: int, last: int, judged: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The bounds moved inwards so that no cell is divided: half a cell could pass for something else."""
    for begin, end in judged:
        if begin < first < end:
            first = end
        if begin < last < end:
            last = begin
    return first, last


def _merged(spans: Iterable[_Span]) -> list[_Span]:
    """In order, with overlapping spans merged; a merged span has the kind of its longest part."""
    merged: list[_Span] = []
    for span in sorted(spans):
        if merged and span.first < merged[-1].last:
            before = merged.pop()
            longer = max(before, span, key=lambda one: one.last - one.first)
            span = _Span(before.first, max(before.last, span.last), longer.kind)
        merged.append(span)
    return merged


def _masked(text: str, first: int, last: int, hidden: Sequence[_Span], start: int, end: int) -> Excerpt:
    """``text[first:last]`` with masks for hidden spans, and the new position of ``text[start:end]``."""
    pieces: list[str] = []
    done, length = first, 0
    found_start, found_end = start - first, end - first
    for span in hidden:
        if span.last <= first or span.first >= last:
            continue
        mask = f"<{span.kind}>"
        at = length + span.first - done
        grown = len(mask) - (span.last - span.first)
        pieces += (text[done : span.first], mask)
        found_start = _moved(found_start, start, span, at, grown)
        found_end = _moved(found_end, end, span, at + len(mask), grown)
        done, length = span.last, at + len(mask)
    pieces.append(text[done:last])
    return Excerpt(storable("".join(pieces)), found_start, max(found_start, found_end))


def _moved(place: int, original: int, span: _Span, inside: int, grown: int) -> int:
    """The new offset of a position after spans became masks; a position inside a span moves to its edge."""
    if original <= span.first:
        return place
    return inside if original < span.last else place + grown


def storable(text: str) -> str:
    """Text that every database accepts: no NUL, which PostgreSQL rejects, and no lone surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
