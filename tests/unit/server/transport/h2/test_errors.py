"""What each mistake of a peer ends, by the section of RFC 9113 that forbids it."""

from __future__ import annotations

import pytest
from hpack import Encoder

from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.connection import H2Connection
from extproc.server.transport.h2.events import ConnectionEnded, MessageAnnounced
from extproc.server.transport.h2.frames import ErrorCode, frame, window_update
from tests.unit.server.transport.h2.wire import PLAIN_REQUEST, REQUEST, Wire, data, end_of, grpc, headers, parse

END = frames.END_STREAM
BOTH = frames.END_HEADERS | END
CANCEL = frames.reset(1, ErrorCode.CANCEL)
BIG = 2**31 - 1
FLOW = "stream FLOW_CONTROL_ERROR"
OPEN_PIECES = headers(3, b"", 0) + frame(9, 0, 3, b"")
PIECES = OPEN_PIECES + frame(9, frames.END_HEADERS, 3, PLAIN_REQUEST)


def settings(*pairs: tuple[int, int]) -> bytes:
    """SETTINGS with any values."""
    return frame(frames.SETTINGS, 0, 0, b"".join(name.to_bytes(2) + value.to_bytes(4) for name, value in pairs))


def length(stream_id: int, value: bytes, flags: int = frames.END_HEADERS) -> bytes:
    """HEADERS with content-length, which is the 28th name of HPACK's table."""
    return headers(stream_id, PLAIN_REQUEST + b"\x0f\x0d" + bytes([len(value)]) + value, flags)


# Section, what comes after stream 1 was opened, what it ends.
TABLE = [
    ("4.1 flags without a meaning are ignored", frame(6, 0xFE, 0, b"12345678"), "nothing"),
    ("4.1 the reserved bit is ignored", frame(0, 0, 2**31 + 1, b"") + window_update(1, 2**31 + 1), "nothing"),
    ("4.1 the reserved bit is ignored: GOAWAY", frame(7, 0, 2**31, b"\xff" * 8), "nothing"),
    ("4.2 HEADERS larger than was told", headers(3, b"x" * 16_385), "connection FRAME_SIZE_ERROR"),
    ("4.2 an unknown frame larger than was told", frame(0xBE, 0, 0, b"x" * 16_385), "connection FRAME_SIZE_ERROR"),
    ("4.2 a frame larger than was told", data(1, b"x" * 16_385), "connection FRAME_SIZE_ERROR"),
    ("4.3 a block that cannot be decoded", headers(3, b"\xff\xff\xff\xff"), "connection COMPRESSION_ERROR"),
    ("4.3 a block that is cut off", headers(3, PLAIN_REQUEST[:-1]), "connection COMPRESSION_ERROR"),
    ("4.3 an index of nothing", headers(3, PLAIN_REQUEST + b"\x80"), "connection COMPRESSION_ERROR"),
    ("4.3 an index beyond the table", headers(3, PLAIN_REQUEST + b"\xbe"), "connection COMPRESSION_ERROR"),
    ("4.3 Huffman code with EOS", headers(3, b"\x00\x84" + b"\xff" * 4 + b"\x00"), "connection COMPRESSION_ERROR"),
    ("4.3 a table larger than was told", headers(3, b"\x3f\xe2\x1f" + PLAIN_REQUEST), "connection COMPRESSION_ERROR"),
    ("4.3 a table resized too late", headers(3, PLAIN_REQUEST + b"\x20"), "connection COMPRESSION_ERROR"),
    ("5.1 idle: DATA", data(3, b"x"), "connection PROTOCOL_ERROR"),
    ("5.1 idle: RST_STREAM", frames.reset(3, ErrorCode.CANCEL), "connection PROTOCOL_ERROR"),
    ("5.1 idle: WINDOW_UPDATE", window_update(3, 1), "connection PROTOCOL_ERROR"),
    ("5.1 idle: WINDOW_UPDATE on a stream of ours", headers(5) + window_update(2, 1), "connection PROTOCOL_ERROR"),
    ("5.1 idle: CONTINUATION", frame(9, 4, 3, PLAIN_REQUEST), "connection PROTOCOL_ERROR"),
    ("5.1 idle: PRIORITY is allowed", frame(2, 0, 3, b"\0\0\0\1\0"), "nothing"),
    ("5.1 half-closed: DATA", data(1, b"", END) + data(1, b"x"), "stream STREAM_CLOSED"),
    ("5.1 half-closed: HEADERS", data(1, b"", END) + headers(1, b"", BOTH), "stream STREAM_CLOSED"),
    ("5.1 half-closed: PRIORITY is allowed", data(1, b"", END) + frame(2, 0, 1, b"\0\0\0\3\0"), "nothing"),
    ("5.1 half-closed: RST_STREAM is allowed", data(1, b"", END) + CANCEL, "nothing"),
    ("5.1 half-closed: CONTINUATION", data(1, b"", END) + frame(9, 4, 1, b""), "connection PROTOCOL_ERROR"),
    ("5.1 half-closed: WINDOW_UPDATE is allowed", data(1, b"", END) + window_update(1, 1), "nothing"),
    ("5.1 closed by the peer: DATA", CANCEL + data(1, b"x"), "stream STREAM_CLOSED"),
    ("5.1 closed by the peer: HEADERS", CANCEL + headers(1), "connection STREAM_CLOSED"),
    ("5.1 reset by both: DATA", window_update(1, 0) + CANCEL + data(1, b"x"), "stream STREAM_CLOSED"),
    ("5.1 reset by both: HEADERS", window_update(1, 0) + CANCEL + headers(1, b"", BOTH), "connection STREAM_CLOSED"),
    ("5.1 reset by us: DATA", window_update(1, 0) + data(1, b"x"), "stream PROTOCOL_ERROR"),
    ("5.1 reset by us: trailers", window_update(1, 0) + headers(1, b"", BOTH), "stream PROTOCOL_ERROR"),
    ("5.1 closed by the peer: CONTINUATION", CANCEL + frame(9, 4, 1, b""), "connection PROTOCOL_ERROR"),
    ("5.1 closed by the peer: WINDOW_UPDATE is allowed", CANCEL + window_update(1, 1), "nothing"),
    ("5.1 closed by the peer: PRIORITY is allowed", CANCEL + frame(2, 0, 1, b"\0\0\0\3\0"), "nothing"),
    ("5.1 reset by us: WINDOW_UPDATE is allowed", window_update(1, 0) * 2, "stream PROTOCOL_ERROR"),
    ("5.1 reset by us: RST_STREAM is allowed", window_update(1, 0) + CANCEL, "stream PROTOCOL_ERROR"),
    ("5.1 reset by us: PRIORITY is allowed", window_update(1, 0) + frame(2, 0, 1, b"\0" * 5), "stream PROTOCOL_ERROR"),
    ("5.1 closed by the peer: RST_STREAM is allowed", CANCEL + CANCEL, "nothing"),
    ("5.1.1 an even number", headers(2), "connection PROTOCOL_ERROR"),
    ("5.1.1 no stream", headers(0), "connection PROTOCOL_ERROR"),
    ("5.1.1 a number below one that was used", headers(7) + headers(5), "connection STREAM_CLOSED"),
    ("5.1.1 a stream that was passed over", headers(7) + data(5, b"x"), "stream STREAM_CLOSED"),
    ("5.3 a stream that depends on itself is ignored", frame(2, 0, 1, b"\0\0\0\1\0"), "nothing"),
    ("5.3 a call that depends on itself is ignored", headers(3, b"\0\0\0\3\0" + PLAIN_REQUEST, 0x24), "nothing"),
    ("5.4 an unknown code of RST_STREAM is ignored", frame(3, 0, 1, b"\xff" * 4), "nothing"),
    ("5.4 an unknown code of GOAWAY is ignored", frame(7, 0, 0, b"\0\0\0\1" + b"\xff" * 4 + b"why"), "nothing"),
    ("5.5 an unknown frame is ignored", frame(0xBE, 0xFF, 1, b"what?") + frame(0xBE, 0, 99, b""), "nothing"),
    ("5.5 an unknown setting is ignored", settings((0xBEEF, 2**32 - 1)), "nothing"),
    ("6.1 DATA on no stream", data(0, b"x"), "connection PROTOCOL_ERROR"),
    ("6.1 padding longer than DATA", data(1, b"\x02ab", frames.PADDED), "nothing"),
    ("6.1 padding longer than DATA", data(1, b"\x03ab", frames.PADDED), "connection PROTOCOL_ERROR"),
    ("6.1 padding without its length", data(1, b"", frames.PADDED), "connection PROTOCOL_ERROR"),
    ("6.2 padding longer than HEADERS", headers(3, b"\x05ab", 0xC), "connection PROTOCOL_ERROR"),
    ("6.2 padding that leaves no priority", headers(3, b"\x02abcdef", 0x2C), "connection FRAME_SIZE_ERROR"),
    ("6.2 padding and a priority", headers(3, b"\1\0\0\0\0\7" + PLAIN_REQUEST + b"\0", 0x2C), "nothing"),
    ("6.2 HEADERS too short for its priority", headers(3, b"abcd", 0x24), "connection FRAME_SIZE_ERROR"),
    ("6.2 another frame within a block", headers(3, b"", 0) + data(1, b""), "connection PROTOCOL_ERROR"),
    ("6.2 an unknown frame within a block", headers(3, b"", 0) + frame(0xBE, 0, 0), "connection PROTOCOL_ERROR"),
    ("6.2 another stream's HEADERS within a block", headers(3, b"", 0) + headers(5), "connection PROTOCOL_ERROR"),
    ("6.3 PRIORITY on no stream", frame(2, 0, 0, b"\0\0\0\1\0"), "connection PROTOCOL_ERROR"),
    ("6.3 PRIORITY of 4 bytes", frame(2, 0, 1, b"abcd"), "stream FRAME_SIZE_ERROR"),
    ("6.3 PRIORITY of 4 bytes on an idle stream", frame(2, 0, 3, b"abcd"), "connection FRAME_SIZE_ERROR"),
    ("6.4 RST_STREAM on no stream", frames.reset(0, ErrorCode.CANCEL), "connection PROTOCOL_ERROR"),
    ("6.4 RST_STREAM of 3 bytes", frame(3, 0, 1, b"abc"), "connection FRAME_SIZE_ERROR"),
    ("6.5 an acknowledgement with a payload", frame(4, 1, 0, b"\0" * 6), "connection FRAME_SIZE_ERROR"),
    ("6.4 RST_STREAM of 5 bytes", frame(3, 0, 1, b"abcde"), "connection FRAME_SIZE_ERROR"),
    ("6.5 an acknowledgement of nothing is ignored", frame(4, 1, 0), "nothing"),
    ("6.5 an acknowledgement on a stream", frame(4, 1, 1), "connection PROTOCOL_ERROR"),
    ("6.5 SETTINGS on a stream", frame(4, 0, 1), "connection PROTOCOL_ERROR"),
    ("6.5 SETTINGS of 5 bytes", frame(4, 0, 0, b"\0" * 5), "connection FRAME_SIZE_ERROR"),
    ("6.5.2 ENABLE_PUSH 2", settings((2, 2)), "connection PROTOCOL_ERROR"),
    ("6.5.2 INITIAL_WINDOW_SIZE too large", settings((4, 2**31)), "connection FLOW_CONTROL_ERROR"),
    ("6.5.2 MAX_FRAME_SIZE too small", settings((5, 16_383)), "connection PROTOCOL_ERROR"),
    ("6.5.2 MAX_FRAME_SIZE too large", settings((5, 2**24)), "connection PROTOCOL_ERROR"),
    ("6.5.3 the last of two values holds", settings((4, 7), (4, 65_535)), "nothing"),
    ("6.6 PUSH_PROMISE", frame(5, 4, 1, b"\0\0\0\2"), "connection PROTOCOL_ERROR"),
    ("6.7 PING on a stream", frame(6, 0, 1, b"12345678"), "connection PROTOCOL_ERROR"),
    ("6.7 PING of 9 bytes", frame(6, 0, 0, b"123456789"), "connection FRAME_SIZE_ERROR"),
    ("6.7 an acknowledgement of nothing is ignored", frame(6, 1, 0, b"12345678"), "nothing"),
    ("6.7 an acknowledgement on a stream", frame(6, 1, 1, b"12345678"), "connection PROTOCOL_ERROR"),
    ("6.7 PING of 7 bytes", frame(6, 0, 0, b"1234567"), "connection FRAME_SIZE_ERROR"),
    ("6.8 GOAWAY on a stream", frame(7, 0, 1, b"\0" * 8), "connection PROTOCOL_ERROR"),
    ("6.8 GOAWAY of 7 bytes", frame(7, 0, 0, b"\0" * 7), "connection FRAME_SIZE_ERROR"),
    ("6.9 WINDOW_UPDATE by nothing", window_update(0, 0), "connection PROTOCOL_ERROR"),
    ("6.9 WINDOW_UPDATE by nothing on a stream", window_update(1, 0), "stream PROTOCOL_ERROR"),
    ("6.9 WINDOW_UPDATE of 3 bytes", frame(8, 0, 1, b"abc"), "connection FRAME_SIZE_ERROR"),
    ("6.9 WINDOW_UPDATE of 5 bytes", frame(8, 0, 0, b"abcde"), "connection FRAME_SIZE_ERROR"),
    ("6.9.1 a window that overflows in two steps", window_update(1, BIG - 65_535) + window_update(1, 1), FLOW),
    ("6.9.1 the largest window", window_update(1, BIG - 65_535) + window_update(0, BIG - 65_535), "nothing"),
    ("6.9.1 a window that overflows", window_update(0, BIG), "connection FLOW_CONTROL_ERROR"),
    ("6.9.1 a stream's window that overflows", window_update(1, BIG), "stream FLOW_CONTROL_ERROR"),
    ("6.9.2 SETTINGS that overflow", window_update(1, 70_000) + settings((4, BIG)), "connection FLOW_CONTROL_ERROR"),
    ("6.10 CONTINUATION of nothing", frame(9, 4, 1, b""), "connection PROTOCOL_ERROR"),
    ("6.10 CONTINUATION after the end", headers(3) + frame(9, 4, 3, b""), "connection PROTOCOL_ERROR"),
    ("6.10 CONTINUATION on no stream", headers(3, b"", 0) + frame(9, 4, 0, b""), "connection PROTOCOL_ERROR"),
    ("6.10 CONTINUATION after CONTINUATION's end", PIECES + frame(9, 4, 3, b""), "connection PROTOCOL_ERROR"),
    ("6.10 DATA between CONTINUATIONs", OPEN_PIECES + data(1, b""), "connection PROTOCOL_ERROR"),
    ("6.10 CONTINUATION of another stream", headers(3, b"", 0) + frame(9, 4, 5, b""), "connection PROTOCOL_ERROR"),
    ("8.1 a second HEADERS that does not end", headers(1, b"", 4), "stream PROTOCOL_ERROR"),
    ("8.1 trailers with a pseudo-header", headers(1, b"\x83", BOTH), "stream PROTOCOL_ERROR"),
    ("8.1 trailers after trailers", headers(1, b"", BOTH) + headers(1, b"", BOTH), "stream STREAM_CLOSED"),
    ("8.1 trailers with a name in upper case", headers(1, b"\x10\1A\1b", BOTH), "stream PROTOCOL_ERROR"),
    ("8.1 trailers with connection", headers(1, b"\x10\x0aconnection\1b", BOTH), "stream PROTOCOL_ERROR"),
    ("8.1.1 content as long as it says", length(3, b"8") + data(3, grpc(b"123"), END), "nothing"),
    ("8.1.1 content in two frames", length(3, b"8") + data(3, grpc(b"")) + data(3, b"", END), "stream PROTOCOL_ERROR"),
    ("8.1.1 content longer than it says", length(3, b"7") + data(3, grpc(b"123")), "stream PROTOCOL_ERROR"),
    ("8.1.1 padding is no content", length(3, b"6") + data(3, b"\2" + grpc(b"") + b"\0\0", 9), "stream PROTOCOL_ERROR"),
    ("8.1.1 content shorter, with trailers", length(3, b"1") + headers(3, b"", BOTH), "stream PROTOCOL_ERROR"),
    ("8.1.1 content that does not come", length(3, b"1", BOTH), "stream PROTOCOL_ERROR"),
    ("8.1.1 no content", length(3, b"0", BOTH), "nothing"),
    ("8.1.1 content-length that is no number", length(3, b"+1"), "stream PROTOCOL_ERROR"),
    ("8.1.1 content-length without end", length(3, b"9" * 99), "stream PROTOCOL_ERROR"),
]


@pytest.mark.parametrize(("octets", "ends"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_a_fault_ends(octets: bytes, ends: str) -> None:
    """A stream error resets that stream and the connection works on; a connection error ends it with GOAWAY."""
    wire = Wire()
    wire.open(1)
    assert end_of(wire, wire.send(octets)) == ends


# Section, what comes after stream 1 was ended by both sides, what it ends.
AFTER_BOTH = [
    ("5.1 closed: DATA", data(1, b"x"), "stream STREAM_CLOSED"),
    ("5.1 closed: HEADERS", headers(1), "connection STREAM_CLOSED"),
    ("5.1 closed: trailers", headers(1, b"", BOTH), "connection STREAM_CLOSED"),
    ("5.1 closed: CONTINUATION", frame(9, 4, 1, b""), "connection PROTOCOL_ERROR"),
    ("5.1 closed: WINDOW_UPDATE is allowed", window_update(1, 1), "nothing"),
    ("5.1 closed: RST_STREAM is allowed", CANCEL, "nothing"),
    ("5.1 closed: PRIORITY is allowed", frame(2, 0, 1, b"\0\0\0\3\0"), "nothing"),
]


@pytest.mark.parametrize(("octets", "ends"), [row[1:] for row in AFTER_BOTH], ids=[row[0] for row in AFTER_BOTH])
def test_what_a_fault_ends_after_a_call(octets: bytes, ends: str) -> None:
    """A stream that both have ended in peace is not known any more."""
    wire = Wire()
    wire.open(1)
    wire.send(data(1, grpc(b"m"), END))
    wire.connection.finish(1, 0)
    wire.sent()
    assert wire.connection.stream_count == 0
    assert end_of(wire, wire.send(octets)) == ends


def test_a_stream_error_leaves_the_other_streams_alone() -> None:
    """Messages of another stream in the same read still come, before and after."""
    wire = Wire()
    wire.open(1)
    wire.open(3)
    events = wire.send(data(3, grpc(b"before")) + window_update(1, 0) + data(3, grpc(b"after")))
    assert [getattr(event, "message", "ended") for event in events] == [b"before", "ended", b"after"]


def test_the_reserved_bit_of_a_window_is_not_part_of_it() -> None:
    """6.9: 31 bits count."""
    wire = Wire()
    wire.send(settings((4, 0)))
    wire.open(1)
    wire.connection.send_message(1, b"123456789")
    wire.sent()
    wire.send(frame(8, 0, 1, (2**31 + 10).to_bytes(4)))
    assert [len(f.payload) for f in wire.sent()] == [10]


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00", b"PRI * HTTP/2.0\r\n\r\nSN"])
def test_no_preface(octets: bytes) -> None:
    """3.4: HTTP/1, TLS, and a preface with a fault end the connection."""
    connection = H2Connection(Wire().connection._limits)
    (ended,) = connection.receive(octets, 0)
    assert isinstance(ended, ConnectionEnded)
    assert parse(connection.take_output())[-1].code == ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize("first", [headers(1), frame(6, 0, 0, b"12345678"), frame(4, 1, 0)])
def test_settings_come_first(first: bytes) -> None:
    """3.4: what follows the preface is SETTINGS, and no acknowledgement."""
    connection = H2Connection(Wire().connection._limits)
    (ended,) = connection.receive(frames.PREFACE + first, 0)
    assert isinstance(ended, ConnectionEnded)
    assert ended.code == ErrorCode.PROTOCOL_ERROR


def test_goaway_never_promises_more_than_before() -> None:
    """6.8: a stream refused after GOAWAY is not in the GOAWAY of a later fault."""
    wire = Wire()
    wire.open(1)
    wire.connection.go_away()
    wire.send(headers(3) + frame(6, 0, 1, b"12345678"))
    promised = [int.from_bytes(f.payload[:4]) for f in wire.sent() if f.kind == frames.GOAWAY]
    assert promised == [1, 1]


def test_what_is_under_way_is_dropped_up_to_its_end() -> None:
    """5.1: DATA and trailers on a stream that we reset are no faults, once; after END_STREAM they are."""
    wire = Wire()
    wire.open(1)
    wire.connection.finish(1, 0)
    wire.sent()
    assert end_of(wire, wire.send(data(1, grpc(b"m")) + data(1, b"", 0) + headers(1, b"", BOTH))) == "nothing"
    assert end_of(wire, wire.send(data(1, b"x"))) == "stream STREAM_CLOSED"
    assert end_of(wire, wire.send(data(1, b"x", END))) == "nothing"
    assert end_of(wire, wire.send(headers(1, b"", BOTH))) == "connection STREAM_CLOSED"


@pytest.mark.parametrize(("compressed", "status"), [(1, "12"), (255, "12")])
def test_a_compressed_message_ends_its_call(compressed: int, status: str) -> None:
    """UNIMPLEMENTED, with the reason; the connection goes on."""
    wire = Wire()
    wire.open(1)
    (ended,) = wire.send(data(1, grpc(b"m", compressed) + grpc(b"next")))
    assert getattr(ended, "reset", None)
    trailers = wire.trailers()
    assert trailers["grpc-status"] == status
    assert "compressed" in trailers["grpc-message"]
    assert wire.works()


@pytest.mark.parametrize("piece", [b"\0", b"\0\0\0\0", b"\0\0\0\0\3", b"\0\0\0\0\3ab"])
def test_a_stream_that_ends_within_a_message(piece: bytes) -> None:
    """INTERNAL; nothing is told as a message."""
    wire = Wire()
    wire.open(1)
    *announced, ended = wire.send(data(1, piece, END))
    assert {type(event) for event in announced} <= {MessageAnnounced}
    assert getattr(ended, "reset", None)
    assert wire.trailers()["grpc-status"] == "13"
    assert wire.connection.stream_count == 0
    assert wire.works()


@pytest.mark.parametrize("flags", [frames.END_HEADERS, BOTH])
@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({":method": "GET"}, "405"),
        ({":method": "OPTIONS", ":path": "*"}, "405"),
        ({"content-type": "application/json"}, "415"),
        ({"content-type": ""}, "415"),
    ],
)
def test_a_request_that_is_no_grpc(fields: dict[str, str], status: str, flags: int) -> None:
    """No call, whatever its body; UNIMPLEMENTED for who reads gRPC, and a status for who reads HTTP."""
    wire = Wire()
    block = Encoder().encode([(name, fields.get(name, value), True) for name, value in REQUEST], huffman=False)
    assert wire.send(headers(1, block, flags) + (data(1, b"{}", END) if flags != BOTH else b"")) == []
    answer, *more = wire.sent()
    assert [f.kind for f in more] == ([] if flags == BOTH else [frames.RST_STREAM])  # of a body that need not come
    trailers = {str(name): str(value) for name, value in wire.decoder.decode(answer.payload)}
    assert (trailers[":status"], trailers["grpc-status"]) == (status, "12")
    assert "only gRPC is spoken here" in trailers["grpc-message"]
    assert wire.connection.stream_count == 0
    assert wire.works()
