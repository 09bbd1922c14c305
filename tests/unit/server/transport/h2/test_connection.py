"""The connection with the ``h2`` library as its client: another implementation that checks windows and states."""

from __future__ import annotations

from urllib.parse import unquote

import h2.events
import pytest
from h2.settings import SettingCodes
from hypothesis import given
from hypothesis import strategies as st

from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.connection import GRPC_INTERNAL, GRPC_OK
from extproc.server.transport.h2.events import (
    CallEnded,
    CallReceived,
    ConnectionEnded,
    MessageReceived,
)
from extproc.server.transport.h2.limits import H2Limits
from tests.unit.server.transport.h2.client import Pair
from tests.unit.server.transport.h2.wire import REQUEST, grpc, messages


def test_a_unary_call() -> None:
    """Headers, one message, END_STREAM; one message back, trailers."""
    pair = Pair()
    call = pair.open()
    pair.client.send_data(call, grpc(b"question"), end_stream=True)
    begun, asked, ended = pair.carry()
    assert isinstance(begun, CallReceived)
    assert begun.headers[b":path"] == b"/a.Service/Method"
    assert asked == MessageReceived(call, b"question")
    assert ended == CallEnded(call, reset=False)
    assert pair.server.send_message(call, b"answer")
    pair.server.finish(call, GRPC_OK)
    assert pair.carry() == []
    assert pair.received[call] == grpc(b"answer")
    assert pair.trailers[call] == {":status": "200", "content-type": "application/grpc", "grpc-status": "0"}
    assert pair.server.stream_count == 0
    assert call not in pair.resets


def test_a_bidirectional_call_takes_turns() -> None:
    """Each message is answered before the next is sent, and the stream ends from the client's side."""
    pair = Pair()
    call = pair.open()
    pair.carry()
    for turn in range(20):
        pair.client.send_data(call, grpc(b"question %d" % turn))
        assert pair.carry() == [MessageReceived(call, b"question %d" % turn)]
        pair.server.send_message(call, b"answer %d" % turn)
    pair.client.end_stream(call)
    assert pair.carry() == [CallEnded(call, reset=False)]
    pair.server.finish(call, GRPC_OK)
    pair.carry()
    assert pair.received[call] == b"".join(grpc(b"answer %d" % turn) for turn in range(20))


@given(st.lists(st.binary(max_size=60), max_size=8), st.lists(st.integers(1, 30), min_size=1, max_size=8))
def test_messages_need_not_end_where_frames_do(sent: list[bytes], sizes: list[int]) -> None:
    """Several messages in a frame, and a message over several frames, with and without padding."""
    pair = Pair()
    call = pair.open()
    octets, turn = b"".join(map(grpc, sent)), 0
    while octets:
        size = sizes[turn % len(sizes)]
        pair.client.send_data(call, octets[:size], pad_length=size if turn % 2 else None)
        octets, turn = octets[size:], turn + 1
    assert messages(pair.carry()) == sent


def test_headers_in_pieces_with_priority() -> None:
    """A block too large for one frame comes with CONTINUATION; a priority in HEADERS and PRIORITY alone are ignored."""
    pair = Pair()
    call = pair.client.get_next_available_stream_id()
    long = ("x-long", "v" * 14_000)
    pair.client.send_headers(call, [*REQUEST, long, ("y", "w" * 2_300)], priority_weight=3, priority_depends_on=0)
    pair.client.prioritize(call, weight=7)
    (begun,) = pair.carry()
    assert isinstance(begun, CallReceived)
    assert begun.headers[b"x-long"] == b"v" * 14_000


def test_headers_may_end_the_stream() -> None:
    """A call without messages."""
    pair = Pair()
    call = pair.open(end_stream=True)
    assert pair.carry()[1:] == [CallEnded(call, reset=False)]
    pair.server.finish(call, GRPC_OK)
    pair.carry()
    assert pair.trailers[call]["grpc-status"] == "0"
    assert call not in pair.resets


def test_trailers_of_the_client_end_its_side() -> None:
    """What they say is not used."""
    pair = Pair()
    call = pair.open()
    pair.client.send_data(call, grpc(b"m"))
    pair.client.send_headers(call, [("x-checksum", "1")], end_stream=True)
    assert pair.carry()[1:] == [MessageReceived(call, b"m"), CallEnded(call, reset=False)]


@pytest.mark.parametrize("after_a_message", [False, True])
@pytest.mark.parametrize("message", ["plain", "100 % né ☃ 😀", "line\nbreak\ttab\x7f", "a\ud800b", "é" * 5_000, ""])
def test_the_status_message_survives(message: str, after_a_message: bool) -> None:
    """Percent-encoded, in Trailers-Only and in trailers; too long is cut off, and what UTF-8 lacks is replaced."""
    pair = Pair()
    call = pair.open()
    pair.carry()
    if after_a_message:
        pair.server.send_message(call, b"first")
    pair.server.finish(call, GRPC_INTERNAL, message)
    pair.carry()
    trailers = pair.trailers[call]
    assert trailers["grpc-status"] == "13"
    assert unquote(trailers.get("grpc-message", "")) == message[:1024].replace("\ud800", "?")
    assert trailers.get("grpc-message", "").isascii()
    assert pair.resets == {call: frames.ErrorCode.NO_ERROR}  # the client had not ended its side


def test_ping_and_unknown_settings_are_answered() -> None:
    """PING with its payload, SETTINGS with an acknowledgement."""
    pair = Pair()
    pair.client.ping(b"12345678")
    pair.client.update_settings({SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
    pair.carry()
    acknowledged = [e.ping_data for e in pair.client_events if isinstance(e, h2.events.PingAckReceived)]
    assert acknowledged == [b"12345678"]
    assert sum(isinstance(e, h2.events.SettingsAcknowledged) for e in pair.client_events) == 2


def test_a_client_without_a_header_table() -> None:
    """A client may take its table away; that must be said back before the next block (RFC 7541, 4.2)."""
    pair = Pair()
    pair.client.update_settings({SettingCodes.HEADER_TABLE_SIZE: 0})
    pair.carry()
    for _ in range(2):
        call = pair.open(end_stream=True)
        pair.carry()
        pair.server.send_message(call, b"m")
        pair.server.finish(call, GRPC_OK)
        pair.carry()
        assert pair.trailers[call]["grpc-status"] == "0"


def test_a_reset_by_the_client() -> None:
    """The call is over at once, and so is what waited for it."""
    pair = Pair()
    pair.window(0)
    call = pair.open()
    pair.carry()
    pair.server.send_message(call, b"waits")
    pair.client.reset_stream(call, 8)
    assert pair.carry() == [CallEnded(call, reset=True)]
    assert pair.server.stream_count == 0
    assert not pair.server.send_message(call, b"late")
    pair.server.finish(call, GRPC_OK)
    assert pair.server.take_output() == b""


def test_a_reset_after_the_client_ended_its_side() -> None:
    """A half-closed call is ended a second time, by the reset."""
    pair = Pair()
    call = pair.open(end_stream=True)
    pair.carry()
    pair.client.reset_stream(call, 8)
    assert pair.carry() == [CallEnded(call, reset=True)]


def test_what_is_under_way_when_a_call_is_finished() -> None:
    """The client's messages and trailers that crossed the status on the way harm nothing, and its window comes back."""
    pair = Pair(H2Limits(connection_window_bytes=65_535))
    for _ in range(10):
        call = pair.open()
        pair.carry()
        pair.client.send_data(call, grpc(b"x" * 10_000))
        pair.client.send_headers(call, [("x", "y")], end_stream=True)
        pair.server.finish(call, GRPC_INTERNAL, "no")
        assert pair.carry() == []
        assert pair.trailers[call]["grpc-status"] == "13"
    assert pair.server.stream_count == 0


def test_a_finished_call_that_waits_is_told_nothing() -> None:
    """The status waits behind the output; what the client still sends is dropped, and its reset is no event."""
    pair = Pair()
    pair.window(0)
    call = pair.open()
    pair.carry()
    pair.server.send_message(call, b"waits")
    pair.server.finish(call, GRPC_OK)
    pair.client.send_data(call, grpc(b"late"))
    assert pair.carry() == []
    pair.client.end_stream(call)
    assert pair.carry() == []
    assert pair.server.stream_count == 1
    pair.client.reset_stream(call)
    assert pair.carry() == []
    assert pair.server.stream_count == 0


def test_draining() -> None:
    """After GOAWAY the calls that run go on to their end, and a call that was under way is refused."""
    pair = Pair()
    running = pair.open()
    pair.carry()
    late = pair.open()
    pair.server.go_away()
    up = pair.client.data_to_send()
    assert pair.server.receive(up, 0) == []
    pair.server.go_away()  # said once
    goodbye, refusal = frames.go_away(running, frames.ErrorCode.NO_ERROR), frames.ErrorCode.REFUSED_STREAM
    assert pair.server.take_output() == goodbye + frames.reset(late, refusal)
    assert pair.server.send_message(running, b"still")
    pair.server.finish(running, GRPC_OK)
    assert pair.server.take_output().endswith(frames.reset(running, frames.ErrorCode.NO_ERROR))
    assert pair.server.stream_count == 0
    assert not pair.server.closed


def test_a_call_that_is_refused_may_be_made_elsewhere() -> None:
    """Nothing of it is kept, and the other calls go on; one that is gone already is not refused."""
    pair = Pair()
    running, late = pair.open(), pair.open()
    pair.carry()
    pair.server.refuse(late)
    pair.server.refuse(late)
    pair.carry()
    assert pair.resets == {late: frames.ErrorCode.REFUSED_STREAM}
    assert pair.server.stream_count == 1
    assert pair.server.send_message(running, b"still")


def test_the_clients_goaway_changes_nothing() -> None:
    """A client may announce that it goes; its calls go on."""
    pair = Pair()
    call = pair.open()
    pair.carry()
    assert pair.server.receive(frames.go_away(0, frames.ErrorCode.NO_ERROR), 0) == []
    assert pair.server.send_message(call, b"still")


def test_a_fault_ends_the_connection_with_goaway() -> None:
    """``h2`` reads our GOAWAY; every call is ended, and then the connection."""
    pair = Pair()
    calls = [pair.open(), pair.open()]
    pair.carry()
    told = pair.server.receive(frames.frame(frames.PUSH_PROMISE, 4, calls[0], b"\0\0\0\2"), 0)
    assert told[:2] == [CallEnded(call, reset=True) for call in calls]
    assert isinstance(told[2], ConnectionEnded)
    (terminated,) = pair.client.receive_data(pair.server.take_output())
    assert isinstance(terminated, h2.events.ConnectionTerminated)
    assert (terminated.error_code, terminated.last_stream_id) == (1, calls[1])
    assert pair.server.receive(b"more", 0) == []
    assert not pair.server.send_message(calls[0], b"late")
    pair.server.finish(calls[0], GRPC_OK)
    pair.server.go_away()
    assert pair.server.take_output() == b""


def test_many_calls_interleaved() -> None:
    """200 calls whose messages alternate; each gets its own answers in order."""
    pair = Pair()
    calls = [pair.open() for _ in range(200)]
    pair.carry()
    for turn in range(5):
        for call in calls:
            pair.client.send_data(call, grpc(b"%d.%d" % (call, turn)), end_stream=turn == 4)
    for event in pair.carry():
        if isinstance(event, MessageReceived):
            pair.server.send_message(event.stream_id, event.message)
        elif isinstance(event, CallEnded):
            pair.server.finish(event.stream_id, GRPC_OK)
    pair.carry()
    assert pair.server.stream_count == 0
    for call in calls:
        assert pair.received[call] == b"".join(grpc(b"%d.%d" % (call, turn)) for turn in range(5))
