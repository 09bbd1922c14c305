"""The text around a finding as it may be kept: personal data masked, and nothing in it that a cut may have hidden.

A note holds more text than is shown (see ``domain.review``). What stands at an edge where the text was cut off may be
half a value that no detector knows any more, or may have lost the cue word that tells what it is; it is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

from extproc.config.guards.pii import Entity
from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.text.cells import CONTEXT_CHARS_MAX, CellBuffer, cells
from extproc.detectors.text.folding import folded
from extproc.domain.review import FindingNote

Texts = Literal["masked", "none", "plain"]
CUE_CHARS_MAX = 48  # how far before a value its cue word may stand, as the detectors look
_LOOKS_MAX = 4
_GLUE = "<"  # divides cells, as the masks do
_KNOWN_CHARS_MIN = 4  # a shorter value would be found in words that have nothing to do with it
CELL_CHARS_SHOWN_MAX = 256  # a longer last "word" tells a reader nothing, and may be half a secret


class Excerpt(NamedTuple):
    """A text, and where in it the finding, or its mask, stands [characters]."""

    text: str
    start: int
    end: int


class _Span(NamedTuple):
    first: int
    last: int
    kind: str


NOTHING = Excerpt("", 0, 0)


class Excerpts:
    """Makes the excerpts of notes.

    Args:
        texts: what may be kept.
        chars_max: text on either side of what was found [characters].
    """

    def __init__(self, texts: Texts, chars_max: int) -> None:
        self._texts = texts
        self._chars_max = chars_max
        self._detector = PiiDetector(get_args(Entity))

    def of_all(self, notes: Sequence[FindingNote]) -> list[Excerpt]:
        """The excerpts of one exchange's notes: data that one guard found is masked around what another found."""
        found = {note.text[note.start : note.end]: note.kind for note in notes if note.is_data}
        known = {value: kind for value, kind in found.items() if len(value) >= _KNOWN_CHARS_MIN}
        return [self.of(note, known) for note in notes]

    def of(self, note: FindingNote, known: Mapping[str, str] = MappingProxyType({})) -> Excerpt:
        """The excerpt of one note, empty where no text may be kept or none is known.

        Args: known: values to mask wherever they stand, each with its kind.
        """
        if self._texts == "none" or not note.text:
            return NOTHING
        text = note.text
        first = max(0, note.start - self._chars_max)
        last = min(len(text), note.end + self._chars_max)
        if self._texts == "plain":
            return Excerpt(storable(text[first:last]), note.start - first, note.end - first)
        judged = list(cells(folded(text)))
        safe_first, safe_last = _safe_first(note, judged), _safe_last(note, judged)
        start, end = _safe_found(note, safe_first, safe_last)
        first, last = _whole_cells(max(first, safe_first), min(last, safe_last), judged)
        first, last = min(first, start), max(last, end)
        data = [_Span(note.start, note.end, note.kind)] if note.is_data else []
        hidden = _merged(self._with_personal_data(text, [*data, *_places(text, known)]))
        first = next((span.first for span in hidden if span.first < first < span.last), first)
        last = next((span.last for span in hidden if span.first < last < span.last), last)
        return _masked(text, first, last, hidden, start, end)

    def _with_personal_data(self, text: str, hidden: list[_Span]) -> list[_Span]:
        """What is hidden already, and what the guard for personal data would find, with every kind of it asked for.

        What stood beside a value and hid it from the detector may be a mask now, so what is left is looked at again.
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
        """What the guard for personal data would find: it judges cell by cell."""
        if not self._detector.may_hold(text):
            return
        for first, last in cells(folded(text)):
            base = max(0, first - CONTEXT_CHARS_MAX)
            for finding in self._detector.find(text[base:last], first - base):
                yield _Span(base + finding.start, base + finding.end, finding.kind)


def _places(text: str, known: Mapping[str, str]) -> Iterator[_Span]:
    for value, kind in known.items():
        position = text.find(value)
        while position >= 0:
            yield _Span(position, position + len(value), kind)
            position = text.find(value, position + len(value))


def _safe_first(note: FindingNote, judged: Sequence[tuple[int, int]]) -> int:
    """Where whole values begin that have all their cue words."""
    if note.begins:
        return 0
    return next((last for _, last in judged if last >= CUE_CHARS_MAX), len(note.text))


def _safe_last(note: FindingNote, judged: Sequence[tuple[int, int]]) -> int:
    """Where whole values end."""
    if not note.ends:
        return len(CellBuffer().push(note.text))
    if judged and judged[-1][1] == len(note.text) and judged[-1][1] - judged[-1][0] > CELL_CHARS_SHOWN_MAX:
        return judged[-1][0]
    return len(note.text)


def _safe_found(note: FindingNote, safe_first: int, safe_last: int) -> tuple[int, int]:
    """What was found, without half a value: a passage that is judged as a whole may begin and end where a text was cut.

    Data is a mask, and other words are known to be whole, for they end before the text does.
    """
    if note.is_data:
        return note.start, note.end
    start = note.start if note.begins or note.start else min(safe_first, note.end)
    end = note.end if note.ends or note.end < len(note.text) else safe_last
    return min(start, end), end


def _whole_cells(first: int, last: int, judged: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The bounds moved inwards where they would divide a cell: its half could pass for something else."""
    for begin, end in judged:
        if begin < first < end:
            first = end
        if begin < last < end:
            last = begin
    return first, last


def _merged(spans: Iterable[_Span]) -> list[_Span]:
    """In order, those that overlap as one, which has the kind of the longest."""
    merged: list[_Span] = []
    for span in sorted(spans):
        if merged and span.first < merged[-1].last:
            before = merged.pop()
            longer = max(before, span, key=lambda one: one.last - one.first)
            span = _Span(before.first, max(before.last, span.last), longer.kind)
        merged.append(span)
    return merged


def _masked(text: str, first: int, last: int, hidden: Sequence[_Span], start: int, end: int) -> Excerpt:
    """``text[first:last]`` with masks for what is hidden, and where ``text[start:end]`` stands in it."""
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
    """Where a place of the text has got to once a mask stands for a span: one in the span has moved to its edge."""
    if original <= span.first:
        return place
    return inside if original < span.last else place + grown


def storable(text: str) -> str:
    """What every database takes: no NUL, which PostgreSQL refuses, and no half of a surrogate pair."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
