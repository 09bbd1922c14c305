"""Server-sent events, parsed independently of chunk boundaries.

The reader returns each event with its original bytes, so that unchanged events are forwarded byte for byte. Line ends
may be LF, CR LF or CR; an event ends with an empty line. A lone CR at the end of the input waits for the next byte, so
that the events never depend on chunk boundaries.

Source: HTML Living Standard, "Server-sent events"; vLLM writes LF only, and keep-alive comments on request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_BOM: Final = b"\xef\xbb\xbf"
# Two line ends in a row. CR LF is one line end, so a CR counts alone only if another byte than LF follows.
_BOUNDARY: Final = re.compile(rb"(?:\r\n|\n|\r(?=[^\n]))(?:\r\n|\n|\r(?=[^\n]))")
_DATA: Final = b"data: "
_EVENT: Final = b"event: "
KEEP_ALIVE: Final = b": keep-alive\n\n"
_NAME: Final = re.compile(rb"[a-z_.]{0,64}")  # of events: words of the API, not texts
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


class EventTooLarge(Exception):
    """One event is larger than ``sse_event_bytes_max``."""


@dataclass(init=False, slots=True)
class SseEvent:
    """One event: the bytes to forward, its name ("" if none), its data (None if none).

    ``raw`` is the original bytes with the empty line, unless they contain parts that no guard reads: comments, ids and
    unknown fields are text too. Then ``raw`` is a reserialized event; for comments alone, a keep-alive.
    """

    raw: bytes
    name: str
    data: bytes | None

    def __init__(self, raw: bytes, name: str, data: bytes | None) -> None:
        self.raw = raw
        self.name = name
        self.data = data


class SseReader:
    """Bytes in, events out. Buffers at most one incomplete event."""

    __slots__ = ("_event_bytes_max", "_pending", "_searched", "_started")

    def __init__(self, event_bytes_max: int) -> None:
        self._event_bytes_max = event_bytes_max
        self._pending = bytearray()
        self._searched = 0  # the pending bytes hold no boundary up to here
        self._started = False

    def feed(self, chunk: bytes) -> Iterator[SseEvent]:
        """Yield the events that are now complete, including those before one that is too large.

        Raises: EventTooLarge; the stream cannot be read further.
        """
        pending = self._pending
        pending += chunk
        while (match := _BOUNDARY.search(pending, self._searched)) is not None:
            end = match.end()
            raw = bytes(pending[:end])
            del pending[:end]
            self._searched = 0
            yield self._event(raw)
        self._searched = max(0, len(pending) - 3)
        if len(pending) > self._event_bytes_max:
            raise EventTooLarge

    def whole(self, chunk: bytes) -> SseEvent | None:
        """The event of a chunk that is exactly one, as from a server that flushes each; otherwise feed the chunk.

        Raises: EventTooLarge.
        """
        end = len(chunk) - 2
        if self._pending or end < 1 or b"\r" in chunk:
            return None
        line_end = chunk.find(b"\n")
        if line_end == end and chunk.endswith(b"\n\n") and self._started and chunk.startswith(_DATA):
            if len(chunk) > self._event_bytes_max:
                raise EventTooLarge
            return SseEvent(chunk, "", chunk[len(_DATA) : end])
        return self._event(chunk) if chunk.find(b"\n\n", line_end) == end else None

    def close(self) -> list[SseEvent]:
        """The rest at the end of the stream, parsed as an event although its empty line is missing."""
        pending = bytes(self._pending)
        self._pending.clear()
        if not pending.strip(b"\r\n"):
            return [SseEvent(pending, "", None)] if pending else []
        return [self._event(pending)]

    def _event(self, raw: bytes) -> SseEvent:
        if len(raw) > self._event_bytes_max:
            raise EventTooLarge
        text = raw
        if not self._started:
            self._started = True
            text = raw.removeprefix(_BOM)
        end = len(text) - 2
        if text.startswith(_DATA) and text.find(b"\n") == end and text[-1:] == b"\n" and b"\r" not in text:
            return SseEvent(raw, "", text[len(_DATA) : end])
        if text.startswith(_EVENT) and text[-1:] == b"\n" and b"\r" not in text:
            begin = text.find(b"\n") + 1
            name = text[len(_EVENT) : begin - 1]
            if text.startswith(_DATA, begin) and text.find(b"\n", begin) == end and _NAME.fullmatch(name):
                return SseEvent(raw, name.decode(), text[begin + len(_DATA) : end])
        return _event_of_lines(raw, text)


def _event_of_lines(raw: bytes, text: bytes) -> SseEvent:
    name = b""
    data: list[bytes] = []
    unread: set[bytes] = set()
    for line in _LINE_END.split(text):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event" and _NAME.fullmatch(value):
            name = value
        elif line:
            unread.add(field)
    if unread:
        raw = _without_unread(name, data, is_comment=b"" in unread)
    return SseEvent(raw, name.decode(), b"\n".join(data) if data else None)


def _without_unread(name: bytes, data: list[bytes], is_comment: bool) -> bytes:
    if data:
        lines = [b"event: " + name] if name else []
        return b"\n".join([*lines, *(b"data: " + line for line in data), b"", b""])
    return KEEP_ALIVE if is_comment else b""


def write_event(data: bytes, name: str = "") -> bytes:
    """One event in vLLM's format. ``data`` holds no line break."""
    if name:
        return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"
