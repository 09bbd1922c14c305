"""The recorded exchanges, taken apart: which API they speak, and the bodies of request and answer without framing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from extproc.demo.catalog import shipped
from extproc.domain.text import TextSource
from extproc.domain.token_rates import RequestSize
from extproc.domain.usage import Usage
from extproc.payload.dialect import Dialect, Frame, StreamReader
from extproc.payload.endpoints import ENDPOINTS
from extproc.payload.sse import SseReader
from extproc.payload.view import RequestPolicy, ResponseView

POLICY = RequestPolicy(json_depth_max=64, template_kwargs=frozenset({"enable_thinking", "reasoning_effort"}))
EVENT_BYTES_MAX = 1_000_000
_DOORS = Path(__file__).parents[1] / "recordings"


@dataclass(frozen=True)
class Recorded:
    """One recorded exchange with an API that we read."""

    name: str
    dialect: Dialect
    request: bytes
    answer: bytes
    status: int
    streamed: bool


def _parts(message: bytes) -> tuple[bytes, bytes]:
    head, _, body = message.partition(b"\r\n\r\n")
    return head, body


def _without_chunks(body: bytes) -> bytes:
    plain = bytearray()
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            break
        plain += body[:length]
        body = body[length + 2 :]
    return bytes(plain)


@cache
def recorded(name: str) -> Recorded | None:
    """A shipped recording, or None if it is not one of an API that we read."""
    recording = shipped()[name]
    head, request = _parts(recording.request)
    fields = head.split(b" ", 2)
    dialect = ENDPOINTS.get(fields[1].decode()) if len(fields) > 1 else None
    if dialect is None:
        return None
    answer_head, answer = _parts(recording.response)
    streamed = b"text/event-stream" in answer_head
    status = int(answer_head.split(b" ", 2)[1])
    return Recorded(name, dialect, request, _without_chunks(answer) if streamed else answer, status, streamed)


def recordings(*, streamed: bool) -> list[Recorded]:
    """All shipped recordings with an answer of an API that we read."""
    found = [recorded(name) for name in sorted(shipped().names)]
    return [item for item in found if item is not None and item.status == 200 and item.streamed is streamed]


def door(name: str) -> bytes:
    """The body of a recorded request to which no answer is kept."""
    return _parts((_DOORS / f"{name}.request.http").read_bytes())[1]


def door_answer(name: str) -> bytes:
    """The body of the answer to one of them, where it is kept."""
    return _parts((_DOORS / f"{name}.response.http").read_bytes())[1]


def frames_of(reader: StreamReader, stream: bytes) -> list[Frame]:
    """All frames of a stream. Raises: UnreadableResponse."""
    sse = SseReader(EVENT_BYTES_MAX)
    return [reader.read(event) for event in [*sse.feed(stream), *sse.close()]]


def texts_of_stream(dialect: Dialect, stream: bytes) -> dict[TextSource, str]:
    """The whole text of each channel that has any."""
    texts: dict[TextSource, str] = {}
    for frame in frames_of(dialect.stream({}), stream):
        for slot in frame.slots:
            if slot.text:
                texts[slot.source] = texts.get(slot.source, "") + slot.text
    return texts


def texts_of_answer(view: ResponseView) -> dict[TextSource, str]:
    """The text of each channel of an unstreamed answer that has any."""
    return {slot.source: slot.text for slot in view.slots if slot.text}


def usage_of_stream(dialect: Dialect, stream: bytes, prompt_utf8_bytes: int = 0) -> Usage:
    """What a meter would book for a stream."""
    reader = dialect.stream({})
    sse = SseReader(EVENT_BYTES_MAX)
    for event in [*sse.feed(stream), *sse.close()]:
        for slot in reader.read(event).slots:
            reader.usage.piece(slot.source.choice, slot.text)
    return reader.usage.result(RequestSize(prompt_utf8_bytes))


def data_of(stream: bytes) -> list[Any]:
    """The JSON of each event."""
    sse = SseReader(EVENT_BYTES_MAX)
    return [
        orjson.loads(event.data)
        for event in [*sse.feed(stream), *sse.close()]
        if event.data is not None and event.data != b"[DONE]"
    ]
