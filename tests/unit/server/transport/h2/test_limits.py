"""Each limit of ``H2Limits``: what is at it passes, what is over it ends a stream or the connection, never more."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.connection import H2Connection
from extproc.server.transport.h2.events import CallEnded, CallReceived, H2Event, MessageAnnounced, MessageReceived
from extproc.server.transport.h2.frames import ErrorCode, frame, reset, window_update
from extproc.server.transport.h2.limits import H2Limits
from tests.unit.server.transport.h2.wire import (
    PLAIN_REQUEST,
    Wire,
    data,
    end_of,
    grpc,
    headers,
    messages,
    parse,
    stalled,
)

LIMITS = H2Limits()
CALM = "connection ENHANCE_YOUR_CALM"
SECOND_NS = 1_000_000_000


def literal(name: bytes, value: bytes) -> bytes:
    """A field that is not indexed; a value of 127 to 254 bytes."""
    assert 127 <= len(value) < 255
    return b"\x10" + bytes([len(name)]) + name + b"\x7f" + bytes([len(value) - 127]) + value


def send_upload(wire: Wire, stream_id: int, octets: bytes, piece_bytes: int) -> list[H2Event]:
    """Bytes of messages in DATA frames of one size."""
    view = memoryview(octets)
    return [
        event
        for start in range(0, len(view), piece_bytes)
        for event in wire.send(data(stream_id, bytes(view[start : start + piece_bytes])))
    ]


# --- messages --------------------------------------------------------------------------------------------------------


def test_message_bytes_max() -> None:
    """A larger message ends its call with RESOURCE_EXHAUSTED as soon as its prefix is read; the next call is served."""
    wire = Wire(replace(LIMITS, message_bytes_max=100))
    wire.open(1)
    assert messages(wire.send(data(1, grpc(b"x" * 100)))) == [b"x" * 100]
    assert wire.send(data(1, grpc(b"x" * 101)[:5])) == [CallEnded(1, reset=True, refused=True)]
    trailers = wire.trailers()
    assert trailers["grpc-status"] == "8"
    assert "100 bytes" in trailers["grpc-message"]
    assert wire.send(data(1, b"x" * 101)) == []
    wire.open(3)
    assert wire.works()


def test_message_bytes_max_while_output_waits() -> None:
    """The status waits behind the output; the rest of the upload is dropped in the meantime."""
    wire = Wire(replace(LIMITS, message_bytes_max=100))
    wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 0}))
    wire.open(1)
    wire.connection.send_message(1, b"waits")
    assert wire.send(data(1, grpc(b"x" * 101))) == [CallEnded(1, reset=True, refused=True)]
    assert wire.send(data(1, grpc(b"dropped"))) == []
    assert wire.send(window_update(1, 100)) == []
    assert [f.kind for f in wire.sent()][-3:] == [frames.DATA, frames.HEADERS, frames.RST_STREAM]


def test_unfinished_bytes_max() -> None:
    """What all unfinished messages take together is bounded; whole messages, and streams that go, give theirs back."""
    wire = Wire(replace(LIMITS, unfinished_bytes_max=1_000))
    for call in (1, 3, 5, 7):
        wire.open(call)
    assert wire.send(data(1, grpc(b"x" * 600)[:-1])) == [MessageAnnounced(1, 600)]
    assert wire.send(data(3, grpc(b"x" * 600)[:-200])) == [MessageAnnounced(3, 600)]  # 599 and 400
    assert wire.send(data(5, grpc(b"xx")[:-1])) == [MessageAnnounced(5, 2)]  # and 1
    assert wire.send(data(7, grpc(b"xx")[:-1])) == [MessageAnnounced(7, 2), CallEnded(7, reset=True, refused=True)]
    assert wire.trailers()["grpc-status"] == "8"
    assert messages(wire.send(data(1, b"x"))) == [b"x" * 600]
    wire.send(reset(3, ErrorCode.CANCEL))
    wire.open(9)
    too_many = wire.send(data(9, grpc(b"x" * 1_001)[:-1]))  # 1 of the fifth is still there
    assert too_many == [MessageAnnounced(9, 1_001), CallEnded(9, reset=True, refused=True)]
    wire.connection.finish(5, 0)
    wire.open(11)
    assert wire.send(data(11, grpc(b"x" * 1_001)[:-1])) == [MessageAnnounced(11, 1_001)]
    assert wire.works()


# --- headers ---------------------------------------------------------------------------------------------------------


def test_header_block_bytes_max() -> None:
    """A block over all its pieces; without END_HEADERS it is not kept beyond the limit either."""
    size = len(PLAIN_REQUEST)
    wire = Wire(replace(LIMITS, header_block_bytes_max=size))
    wire.open(1)
    pieces = headers(3, PLAIN_REQUEST[:9], flags=0)
    assert end_of(wire, wire.send(pieces + frame(9, 4, 3, PLAIN_REQUEST[9:]))) == "nothing"
    assert end_of(wire, wire.send(headers(5, PLAIN_REQUEST, flags=0) + frame(9, 0, 5, b"x"))) == CALM


def test_header_list_bytes_max() -> None:
    """A small block may mean large headers: the sum once decoded is bounded (an HPACK bomb)."""
    wire = Wire(replace(LIMITS, header_list_bytes_max=2_000))
    insert = b"\x40\x01a\x7f\x49" + b"v" * 200  # one entry of 233 bytes; then it is pointed at
    assert end_of(wire, wire.send(headers(1, PLAIN_REQUEST + insert + b"\xbe" * 4))) == "nothing"
    assert end_of(wire, wire.send(headers(3, PLAIN_REQUEST + b"\xbe" * 20))) == CALM


def test_continuation_frames_max() -> None:
    """CVE-2024-27316: CONTINUATION without end, even of empty frames."""
    wire = Wire(replace(LIMITS, continuation_frames_max=3))
    more = frame(9, 0, 3, b"")
    assert end_of(wire, wire.send(headers(3, b"", flags=0) + more * 2 + frame(9, 4, 3, PLAIN_REQUEST))) == "nothing"
    assert end_of(wire, wire.send(headers(5, b"", flags=0) + frame(9, 0, 5, b"") * 3 + frame(9, 4, 5, b""))) == CALM


def test_concurrent_streams_max() -> None:
    """A call too many is refused, so that it may be tried elsewhere; when one ends there is room again."""
    wire = Wire(replace(LIMITS, concurrent_streams_max=2))
    wire.open(1)
    wire.open(3)
    assert end_of(wire, wire.send(headers(5))) == "stream REFUSED_STREAM"
    wire.connection.finish(1, 0)
    wire.open(7)
    assert wire.connection.stream_count == 2


# --- windows ---------------------------------------------------------------------------------------------------------


def test_stream_window_bytes() -> None:
    """A peer that sends more than its stream's window while nothing is given back loses the stream."""
    wire = Wire(replace(LIMITS, stream_window_bytes=65_535, stream_output_bytes_pause=1))
    wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 0}))
    wire.open(1)
    wire.connection.send_message(1, b"waits")  # so that nothing is given back
    send_upload(wire, 1, grpc(b"x" * 70_000)[:65_535], 13_107)
    assert end_of(wire, []) == "nothing"
    assert end_of(wire, wire.send(data(1, b"x"))) == "stream FLOW_CONTROL_ERROR"


def test_connection_window_bytes() -> None:
    """The connection's window is given back in halves; who does not wait for it loses the connection."""
    wire = Wire(replace(LIMITS, connection_window_bytes=65_535))
    wire.open(1)
    send_upload(wire, 1, grpc(b"x" * 500_000), 16_384)
    given = sum(int.from_bytes(f.payload) for f in wire.sent() if (f.kind, f.stream_id) == (frames.WINDOW_UPDATE, 0))
    assert 500_005 - 65_535 // 2 - 16_384 <= given <= 500_005
    wire.connection._receive_window = 4  # no peer can get here: what is read is given back at once
    assert end_of(wire, wire.send(data(1, b"12345"))) == "connection FLOW_CONTROL_ERROR"


def test_padding_is_charged() -> None:
    """6.1: the whole payload counts, padding and its length too."""
    wire = Wire(replace(LIMITS, stream_window_bytes=65_535))
    wire.open(1)
    wire.send(data(1, b"\xff" + grpc(b"m") + b"\0" * 255, frames.PADDED))
    assert wire.connection._streams[1].receive_window == 65_535 - (1 + 6 + 255)
    for _ in range(1_000):  # and comes back as a whole
        wire.send(data(1, b"\xff" + grpc(b"m") + b"\0" * 255, frames.PADDED))
    given = sum(int.from_bytes(f.payload) for f in wire.sent() if (f.kind, f.stream_id) == (frames.WINDOW_UPDATE, 1))
    stream = wire.connection._streams[1]
    assert stream.receive_window == 65_535 - 1_001 * 262 + given
    assert stream.receive_window + stream.unreturned_bytes == 65_535


def test_stream_output_bytes_max() -> None:
    """A peer that takes nothing: up to the limit its output waits, over it the stream is reset."""
    wire = Wire(replace(LIMITS, stream_output_bytes_max=1_000))
    wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 0}))
    wire.open(1)
    assert wire.connection.send_message(1, b"x" * 995)
    assert wire.connection.output_bytes(1) == 1_000
    assert not wire.connection.send_message(1, b"")
    assert end_of(wire, []) == "stream ENHANCE_YOUR_CALM"
    assert wire.connection.stream_count == 0
    assert wire.connection.output_bytes(1) == 0


def test_output_bytes_max() -> None:
    """What waits on all streams together is bounded; what goes out, and streams that go, give theirs back."""
    wire = stalled(replace(LIMITS, output_bytes_max=3 * (256 + 100)), 1, 3, 5, 7)
    for call in (1, 3, 5):
        assert wire.connection.send_message(call, b"x" * 95)
    assert not wire.connection.send_message(7, b"")
    assert end_of(wire, []) == "stream ENHANCE_YOUR_CALM"
    wire.send(window_update(1, 100) + reset(3, ErrorCode.CANCEL))
    wire.connection.finish(5, 0)
    for call in (9, 11):
        wire.open(call)
        assert wire.connection.send_message(call, b"x" * 95)
    wire.send(b"".join(window_update(call, 100) for call in (5, 9, 11)))
    assert wire.connection._output_bytes == 0
    assert wire.works()


def test_stream_stalled_s_max() -> None:
    """Of the streams that wait, one that gets a byte of window now and then is left alone, and one without is ended."""
    wire = stalled(replace(LIMITS, stream_stalled_s_max=60), 1, 3, 5)
    for call in (1, 3):
        wire.connection.send_message(call, b"x" * 95)
    for second in range(1, 62):
        wire.send(window_update(1, 1))
        assert wire.connection.end_stalled(second * SECOND_NS) == []
    wire.sent()
    assert wire.connection.end_stalled(62 * SECOND_NS) == [CallEnded(3, reset=True)]
    assert [(f.kind, f.stream_id, f.code) for f in wire.sent()] == [(frames.RST_STREAM, 3, ErrorCode.ENHANCE_YOUR_CALM)]
    assert wire.connection.stream_count == 2


def test_stream_output_bytes_pause() -> None:
    """While a peer takes too little it is given no window; as soon as it takes enough it is given what it is owed."""
    wire = Wire(replace(LIMITS, stream_window_bytes=65_535, stream_output_bytes_pause=1_000))
    wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 0}))
    wire.open(1)
    wire.connection.send_message(1, b"x" * 995)
    wire.sent()
    send_upload(wire, 1, grpc(b"x" * 60_000), 10_000)
    assert not [f for f in wire.sent() if f.stream_id == 1]
    assert wire.send(window_update(1, 1)) == []
    (updated,) = [f for f in wire.sent() if f.kind == frames.WINDOW_UPDATE]
    assert (updated.stream_id, int.from_bytes(updated.payload)) == (1, 60_005)


def test_a_stream_on_hold_gets_no_window() -> None:
    """An application that is busy holds its stream: the peer can send one window more, and the rest after release."""
    wire = Wire(replace(LIMITS, stream_window_bytes=65_535))
    wire.open(1)
    wire.connection.hold(1)
    wire.sent()
    assert len(messages(send_upload(wire, 1, grpc(b"x" * 9_995) * 6, 10_000))) == 6
    assert wire.sent() == []
    wire.connection.release(1)
    (updated,) = wire.sent()
    assert (updated.kind, updated.stream_id, int.from_bytes(updated.payload)) == (frames.WINDOW_UPDATE, 1, 60_000)
    for stream_id in (1, 3):  # a stream that is gone, or never was, has nothing to hold
        wire.connection.finish(stream_id, 0)
        wire.connection.hold(stream_id)
        wire.connection.release(stream_id)


def test_no_window_for_a_stream_that_has_ended() -> None:
    """Neither one that its peer has ended, nor one that is finished and waits for its output to go."""
    wire = Wire(replace(LIMITS, stream_window_bytes=65_535, stream_output_bytes_pause=50))
    wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 0}))
    for call in (1, 3):
        wire.open(call)
        wire.connection.send_message(call, b"x" * 95)
    wire.connection.finish(3, 0)
    for call in (1, 3):
        send_upload(wire, call, grpc(b"x" * 40_000), 10_000)
    wire.send(data(1, b"", frames.END_STREAM))
    wire.sent()
    wire.send(window_update(1, 99) + window_update(3, 99))
    assert [f.kind for f in wire.sent()] == [frames.DATA, frames.DATA]
    wire.send(window_update(1, 1) + window_update(3, 1))
    assert not [f for f in wire.sent() if f.kind == frames.WINDOW_UPDATE]


def test_frame_bytes_max() -> None:
    """It is refused on its header, before its payload is waited for."""
    wire = Wire(replace(LIMITS, frame_bytes_max=20_000))
    wire.open(1)
    assert messages(wire.send(data(1, grpc(b"x" * 19_995)))) == [b"x" * 19_995]
    assert end_of(wire, wire.send(data(1, b"x" * 20_001)[:9])) == "connection FRAME_SIZE_ERROR"


# --- rates -----------------------------------------------------------------------------------------------------------

PRIORITY = frame(frames.PRIORITY, 0, 1, b"\0\0\0\0\0")
NOTHING = {
    "CVE-2019-9512 PING": frame(frames.PING, 0, 0, b"12345678"),
    "PING acknowledgements": frame(frames.PING, frames.ACK, 0, b"12345678"),
    "SETTINGS acknowledgements": frame(frames.SETTINGS, frames.ACK, 0),
    "PRIORITY": PRIORITY,
    "CVE-2019-9518 empty DATA": data(1, b""),
    "empty DATA with padding": data(1, b"\0", frames.PADDED),
    "GOAWAY": frame(frames.GOAWAY, 0, 0, b"\0" * 8),
    "unknown frames": frame(0xBE, 0, 0),
}


@pytest.mark.parametrize("octets", NOTHING.values(), ids=NOTHING)
def test_control_frames_per_second_max(octets: bytes) -> None:
    """Frames that bring nothing: as many as the limit in each second, and no more."""
    wire = Wire(replace(LIMITS, control_frames_per_second_max=10))
    wire.send(headers(1), SECOND_NS)
    for second in (2, 3):
        assert wire.send(octets * 10, second * SECOND_NS) == []
    assert end_of(wire, wire.send(octets, 3 * SECOND_NS + 999_999_999)) == CALM


def test_empty_data_on_a_finished_call() -> None:
    """CVE-2019-9518: on a stream that is gone, too; an END_STREAM that was under way is not counted."""
    wire = Wire(replace(LIMITS, control_frames_per_second_max=10))
    for call in range(1, 41, 2):
        wire.open(call)
        wire.connection.finish(call, 0)
        assert wire.send(data(call, b"", frames.END_STREAM)) == []
    wire.open(41)
    wire.connection.finish(41, 0)
    assert end_of(wire, wire.send(data(41, b"") * 11)) == CALM


def test_settings_per_second_max() -> None:
    """CVE-2019-9515: each SETTINGS may move the window of every stream."""
    wire = Wire(replace(LIMITS, settings_per_second_max=5))
    for second in (1, 2):
        assert wire.send(frames.settings({}) * 5, second * SECOND_NS) == []
    assert end_of(wire, wire.send(frames.settings({}), 2 * SECOND_NS)) == CALM


def test_resets_per_second_max() -> None:
    """CVE-2023-44487, rapid reset: calls begun and reset at once."""
    wire = Wire(replace(LIMITS, resets_per_second_max=5))
    turns = [headers(call) + reset(call, ErrorCode.CANCEL) for call in range(1, 40, 2)]
    for second in (1, 2):
        events = wire.send(b"".join(turns[second * 5 : second * 5 + 5]), second * SECOND_NS)
        assert len(events) == 10
    assert end_of(wire, wire.send(turns[15], 2 * SECOND_NS)) == CALM


@pytest.mark.parametrize(
    "mistake",
    [
        lambda call: headers(call) + window_update(call, 0),
        lambda call: headers(call, PLAIN_REQUEST, 5) + data(call, b"x"),
        lambda call: headers(call, b"\x83"),
    ],
    ids=["WINDOW_UPDATE by nothing", "DATA after END_STREAM", "malformed headers"],
)
def test_resets_that_a_peer_makes_us_send(mistake: object) -> None:
    """CVE-2025-8671, MadeYouReset: a call that we must reset for a peer's mistake counts like one that it resets."""
    assert callable(mistake)
    wire = Wire(replace(LIMITS, resets_per_second_max=5))
    wire.send(b"".join(mistake(call) for call in range(1, 10, 2)))
    assert not wire.connection.closed
    assert end_of(wire, wire.send(mistake(11))) == CALM


# --- the limits themselves -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stream_window_bytes", 65_534),
        ("stream_window_bytes", 2**31),
        ("connection_window_bytes", 65_534),
        ("connection_window_bytes", 2**31),
        ("frame_bytes_max", 16_383),
        ("frame_bytes_max", 2**24),
    ],
)
def test_limits_that_http2_cannot_say(name: str, value: int) -> None:
    """A peer may use HTTP/2's defaults before it has read ours, so ours are no smaller."""
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        H2Limits(**{name: value})


def test_the_greeting_tells_the_limits() -> None:
    """SETTINGS first, then the rest of the connection's window; nothing if there is no rest."""
    told = parse(H2Connection(replace(LIMITS, concurrent_streams_max=7)).take_output())
    assert [f.kind for f in told] == [frames.SETTINGS, frames.WINDOW_UPDATE]
    assert (frames.MAX_CONCURRENT_STREAMS, 7) in frames.read_settings(told[0].payload)
    assert int.from_bytes(told[1].payload) == LIMITS.connection_window_bytes - 65_535
    assert len(parse(H2Connection(replace(LIMITS, connection_window_bytes=65_535)).take_output())) == 1


def test_every_limit_has_a_test() -> None:
    """A limit that is added is tested here under its own name."""
    for field in fields(H2Limits):
        assert f"test_{field.name}" in globals()


def test_the_defaults_let_a_busy_envoy_through() -> None:
    """In one second: 2,500 calls of two messages, each ended by the peer; a tenth reset."""
    wire = Wire()
    for call in range(1, 5_001, 2):
        end = reset(call, ErrorCode.CANCEL) if call % 10 == 1 else data(call, b"", frames.END_STREAM)
        events = wire.send(headers(call) + data(call, grpc(b"1")) + data(call, grpc(b"2")) + end)
        assert [type(event) for event in events] == [CallReceived, MessageReceived, MessageReceived, CallEnded]
        wire.connection.finish(call, 0)
    assert wire.connection.stream_count == 0
    assert not wire.connection.closed
