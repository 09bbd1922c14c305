"""The texts of requests and answers, as guards see them, and where in them a finding is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from extproc.domain.errors import PayloadRefused
from extproc.domain.finding import Evidence
from extproc.domain.text import Direction, TextSource
from extproc.dryrun.message import AnswerMessage
from extproc.payload.dialect import Dialect, StreamReader, UnreadableResponse
from extproc.payload.error_body import error_view
from extproc.payload.sse import EventTooLarge, SseReader
from extproc.payload.strict_json import parse_once
from extproc.payload.view import RequestPolicy

_EVENT_BYTES_MAX = 16 << 20
_WIDTHS = (80, 40, 20, 10, 4, 0)
"""How much text around a finding must be the same in the text that it is located in; the widest first. [characters]"""


class SourcedText(NamedTuple):
    """A text and its source."""

    source: TextSource
    text: str


class TextPlace(NamedTuple):
    """Where a finding is: the number of the text among those of its direction, and the span in it [characters]."""

    number: int
    start: int
    end: int


def request_texts(body: bytes, dialect: Dialect, policy: RequestPolicy) -> list[SourcedText]:
    """The texts of a request in order; none if it cannot be read."""
    try:
        request = dialect.read_request(body, policy)
    except PayloadRefused:
        return []
    return [SourcedText(field.source, field.text) for field in request.texts if field.text and not field.keys]


def answer_texts(answer: AnswerMessage, dialect: Dialect) -> list[SourcedText]:
    """The texts of an answer, one for each channel; of an unreadable one, those up to where it cannot be read."""
    if answer.streamed:
        reading = TextReader(dialect)
        reading.feed(answer.body)
        return reading.texts()
    try:
        if not answer.headers[":status"].startswith("2"):
            return _joined([(slot.source, slot.text) for slot in error_view(answer.body).slots])
        tree: Any = parse_once(answer.body)
        view = dialect.read_response(tree if isinstance(tree, dict) else {})
    except (UnreadableResponse, ValueError):
        return []
    return _joined([(slot.source, slot.text) for slot in view.slots])


class TextReader:
    """Reads the texts of a stream as its bytes come, without guards."""

    def __init__(self, dialect: Dialect) -> None:
        self._reader: StreamReader | None = dialect.stream({})
        self._events = SseReader(_EVENT_BYTES_MAX)
        self._pieces: list[tuple[TextSource, str]] = []

    def feed(self, chunk: bytes) -> str:
        """The text that these bytes bring, of all channels; nothing any more after what cannot be read."""
        before = len(self._pieces)
        try:
            for event in self._events.feed(chunk):
                if self._reader is not None and event.data is not None:
                    frame = self._reader.read(event)
                    self._pieces += [(slot.source, slot.text) for slot in frame.slots if slot.text]
        except (UnreadableResponse, EventTooLarge):
            self._reader = None
        return "".join(text for _, text in self._pieces[before:])

    def texts(self) -> list[SourcedText]:
        """The texts so far, one for each channel."""
        return _joined(self._pieces)


def _joined(pieces: Iterable[tuple[TextSource, str]]) -> list[SourcedText]:
    texts: dict[TextSource, str] = {}
    for source, text in pieces:
        if text:
            texts[source] = texts.get(source, "") + text
    return [SourcedText(source, text) for source, text in texts.items()]


def locate(
    evidence: Evidence, direction: Direction, texts: Sequence[SourcedText], taken: Iterable[TextPlace] = ()
) -> TextPlace | None:
    """Where the text of a finding is in the texts as they came; None if it is not there as it was found.

    A guard may see a text after other guards have changed it, decoded, or joined from parts. So the found words are
    searched, with as much of the text around them as is the same.

    Args: taken: places of earlier findings of the same guard and kind; the next one is another.
    """
    finding, text = evidence.finding, evidence.text
    start, end = max(0, finding.start), min(finding.end, len(text))
    if start >= end:
        return None
    order = sorted(range(len(texts)), key=lambda number: texts[number].source.speaker != evidence.speaker)
    given = set(taken)
    for width in _WIDTHS:
        first = max(0, start - width)
        needle = text[first : end + width]
        for number in order:
            if texts[number].source.direction is not direction:
                continue
            found = texts[number].text.find(needle)
            while found >= 0:
                place = TextPlace(number, found + start - first, found + end - first)
                if place not in given:
                    return place
                found = texts[number].text.find(needle, found + 1)
    return None
