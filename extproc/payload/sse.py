"""Server-sent events, read from bytes that may be cut anywhere.

The reader gives each event with the bytes it was made of, so that what is not changed is passed on as it came. Line
ends may be LF, CR LF or CR; an event ends with an empty line. A lone CR at the end of what has come waits for the next
byte, so that the events never depend on the cuts.

Source: HTML Living Standard, "Server-sent events"; vLLM writes LF only, and keep-alive comments on request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BOM = b"\xef\xbb\xbf"
# Two line ends in a row. CR LF is one line end, so a CR counts alone only if something else than LF follows.
_BOUNDARY = re.compile(rb"(?:\r\n|\n|\r(?=[^\n]))(?:\r\n|\n|\r(?=[^\n]))")
_DATA, _EVENT = b"data: ", b"event: "
KEEP_ALIVE = b": keep-alive\n\n"
_NAME = re.compile(rb"[a-z_.]{0,64}")  # of events: words of the API, not texts
_LINE_END = re.compile(rb"\r\n|\n|\r")


class EventTooLarge(Exception):
    """One event is larger than ``sse_event_bytes_max``."""


@dataclass(slots=True)
class SseEvent:
    """One event: what may be passed on of it, its name ("" if none), its data (None if none).

    ``raw`` is the bytes that came, with the empty line, unless they hold what no guard reads: comments, ids and lines
    of no known field are text too. Then it is the event written anew; of comments alone, a keep-alive.
    """

    raw: bytes
    name: str
    data: bytes | None


class SseReader:
    """Bytes in, events out. Holds at most one unfinished event."""

    __slots__ = ("_event_bytes_max", "_pending", "_searched", "_started")

    def __init__(self, event_bytes_max: int) -> None:
        self._event_bytes_max = event_bytes_max
        self._pending = bytearray()
        self._searched = 0  # how far the pending bytes are known to hold no boundary
        self._started = False

    def feed(self, chunk: bytes) -> Iterator[SseEvent]:
        """The events that are complete now, one by one: those before one that is too large are given all the same.

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
        """The event that a chunk is, if it is just one, as of a server that writes each at once; else feed the chunk.

        Raises: EventTooLarge.
        """
        end = len(chunk) - 2
        if self._pending or end < 1 or chunk.find(b"\n\n") != end or b"\r" in chunk:
            return None
        return self._event(chunk)

    def close(self) -> list[SseEvent]:
        """What is left at the end of the stream, read as an event although its empty line is missing."""
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
    """One event as vLLM writes it. ``data`` holds no line break."""
    if name:
        return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"
