"""A peer that writes its frames by hand, right or wrong, and reads ours by hand too."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from hpack import Decoder, Encoder

from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.connection import H2Connection
from extproc.server.transport.h2.events import CallReceived, ConnectionEnded, H2Event, MessageReceived
from extproc.server.transport.h2.frames import ErrorCode
from extproc.server.transport.h2.limits import H2Limits

REQUEST = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/a.Service/Method"),
    (":authority", "extproc"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
]
# Literals that are not indexed: the same bytes on every stream, whatever the table holds.
PLAIN_REQUEST = Encoder().encode([(name, value, True) for name, value in REQUEST], huffman=False)
HELLO = frames.PREFACE + frames.settings({})


@dataclass(frozen=True)
class Frame:
    """One frame of ours."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes

    @property
    def code(self) -> ErrorCode:
        """Of RST_STREAM and GOAWAY."""
        return ErrorCode(int.from_bytes(self.payload[-4:]))


def parse(output: bytes) -> list[Frame]:
    """Frames that follow each other; nothing may be left over."""
    found = []
    while output:
        length, kind, flags = int.from_bytes(output[:3]), output[3], output[4]
        assert len(output) >= 9 + length, "a frame is cut off"
        found.append(Frame(kind, flags, int.from_bytes(output[5:9]), output[9 : 9 + length]))
        output = output[9 + length :]
    return found


def grpc(message: bytes, compressed: int = 0) -> bytes:
    """A message with its prefix."""
    return Struct("!BL").pack(compressed, len(message)) + message


def headers(stream_id: int, block: bytes = PLAIN_REQUEST, flags: int = frames.END_HEADERS) -> bytes:
    """HEADERS."""
    return frames.frame(frames.HEADERS, flags, stream_id, block)


def data(stream_id: int, payload: bytes, flags: int = 0) -> bytes:
    """DATA."""
    return frames.frame(frames.DATA, flags, stream_id, payload)


class Wire:
    """A connection whose preface and SETTINGS have come, with what it said taken."""

    def __init__(self, limits: H2Limits | None = None) -> None:
        self.connection = H2Connection(limits or H2Limits())
        self.decoder = Decoder()
        assert self.send(HELLO) == []
        self.sent()

    def send(self, octets: bytes, now_ns: int = 0) -> list[H2Event]:
        """Bytes of the peer."""
        return self.connection.receive(octets, now_ns)

    def open(self, stream_id: int) -> None:
        """Begin a call."""
        (event,) = self.send(headers(stream_id))
        assert isinstance(event, CallReceived)

    def sent(self) -> list[Frame]:
        """What the connection has written since the last look."""
        return parse(self.connection.take_output())

    def trailers(self) -> dict[str, str]:
        """The fields of the HEADERS with END_STREAM in what was written since the last look."""
        (last,) = [f for f in self.sent() if f.kind == frames.HEADERS and f.flags & frames.END_STREAM]
        return {str(name): str(value) for name, value in self.decoder.decode(last.payload)}

    def works(self) -> bool:
        """Whether the connection still answers PING."""
        self.connection.take_output()
        self.send(frames.frame(frames.PING, 0, 0, b"stillok?"), 10**15)
        return Frame(frames.PING, frames.ACK, 0, b"stillok?") in self.sent()


def stalled(limits: H2Limits, *calls: int) -> Wire:
    """A connection with calls whose windows are at nothing."""
    wire = Wire(limits)
    wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 0}))
    for call in calls:
        wire.open(call)
    wire.sent()
    return wire


def messages(events: list[H2Event]) -> list[bytes]:
    """The messages among events."""
    return [event.message for event in events if isinstance(event, MessageReceived)]


def end_of(wire: Wire, events: list[H2Event]) -> str:
    """What a peer's bytes have ended, as both sides are told: ``stream CODE``, ``connection CODE`` or ``nothing``."""
    ended = [event for event in events if isinstance(event, ConnectionEnded)]
    written = wire.sent()
    if ended:
        away = written[-1]
        assert away.kind == frames.GOAWAY
        assert away.code == ended[0].code
        assert wire.connection.closed
        return f"connection {ended[0].code.name}"
    resets = [frame for frame in written if frame.kind == frames.RST_STREAM]
    assert wire.works()
    return f"stream {resets[-1].code.name}" if resets else "nothing"
