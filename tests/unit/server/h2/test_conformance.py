"""The connection with the ``h2`` library as its client: another implementation that checks windows and states."""

from __future__ import annotations

from urllib.parse import unquote

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import pytest
from h2.settings import SettingCodes
from hypothesis import given
from hypothesis import strategies as st

from extproc.server.h2 import frames
from extproc.server.h2.connection import GRPC_INTERNAL, GRPC_OK, H2Connection
from extproc.server.h2.events import (
    CallEnded,
    CallReceived,
    ConnectionEnded,
    H2Event,
    MessageReceived,
    OutputDrained,
)
from extproc.server.h2.limits import H2Limits
from tests.unit.server.h2.wire import REQUEST, grpc, messages


class Pair:
    """A client of ``h2`` and our connection, with the bytes carried between them by hand."""

    def __init__(self, limits: H2Limits | None = None) -> None:
        self.client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.server = H2Connection(limits or H2Limits())
        self.received: dict[int, bytes] = {}
        self.trailers: dict[int, dict[str, str]] = {}
        self.resets: dict[int, int] = {}
        self.client_events: list[h2.events.Event] = []
        self.takes = True  # whether the client gives back what it has received
        self.client.initiate_connection()
        self.carry()

    def carry(self) -> list[H2Event]:
        """Everything both have to say, until neither says more. Returns: the server's events."""
        told: list[H2Event] = []
        while True:
            up, down = self.client.data_to_send(), self.server.take_output()
            if not up and not down:
                return told
            told += self.server.receive(up, 0) if up else []
            for event in self.client.receive_data(down) if down else []:
                self._take(event)

    def _take(self, event: h2.events.Event) -> None:
        self.client_events.append(event)
        if isinstance(event, h2.events.DataReceived):
            self.received[event.stream_id] = self.received.get(event.stream_id, b"") + event.data
            if self.takes:
                self.client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, (h2.events.TrailersReceived, h2.events.ResponseReceived)):
            self.trailers.setdefault(event.stream_id, {}).update({str(k): str(v) for k, v in event.headers})
        elif isinstance(event, h2.events.StreamReset):
            self.resets[event.stream_id] = event.error_code

    def open(self, end_stream: bool = False) -> int:
        """Begin a call."""
        stream_id = self.client.get_next_available_stream_id()
        self.client.send_headers(stream_id, REQUEST, end_stream=end_stream)
        return stream_id

    def window(self, size: int) -> None:
        """The client changes the initial window of its streams."""
        self.client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: size})


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


# --- flow control ----------------------------------------------------------------------------------------------------


def test_a_large_upload_gets_its_windows_back() -> None:
    """5 MB through windows of 64 KB and 100 KB: the client never has to wait for ever."""
    pair = Pair(H2Limits(stream_window_bytes=65_535, connection_window_bytes=100_000))
    call = pair.open()
    left, told = grpc(b"u" * 5_000_000), pair.carry()
    while left:
        size = min(pair.client.local_flow_control_window(call), pair.client.max_outbound_frame_size, len(left))
        assert size > 0, "the client is stuck"
        pair.client.send_data(call, left[:size])
        left = left[size:]
        told += pair.carry()
    assert messages(told) == [b"u" * 5_000_000]


def test_a_large_download_keeps_to_the_windows() -> None:
    """``h2`` raises if a window is exceeded; frames are no larger than it allows."""
    pair = Pair()
    call = pair.open()
    pair.carry()
    assert pair.server.send_message(call, b"d" * 3_000_000)
    assert pair.server.output_bytes(call) > 2_900_000
    pair.server.finish(call, GRPC_OK)
    pair.carry()
    assert pair.received[call] == grpc(b"d" * 3_000_000)
    assert pair.trailers[call]["grpc-status"] == "0"
    assert pair.server.stream_count == 0


def test_a_larger_frame_size_is_used() -> None:
    """After SETTINGS_MAX_FRAME_SIZE, one frame takes what needed two."""
    pair = Pair()
    pair.client.update_settings({SettingCodes.MAX_FRAME_SIZE: 40_000})
    call = pair.open()
    pair.carry()
    pair.server.send_message(call, b"d" * 30_000)
    pair.carry()
    assert [len(e.data) for e in pair.client_events if isinstance(e, h2.events.DataReceived)] == [30_005]


def test_an_empty_window_stalls_and_resumes_in_order() -> None:
    """Nothing goes out without a window; what comes later waits behind; OutputDrained tells when it has gone."""
    pair = Pair()
    pair.takes = False
    pair.window(0)
    call = pair.open()
    pair.carry()
    for text in (b"one", b"two", b"three"):
        assert pair.server.send_message(call, text)
    assert pair.carry() == []
    assert pair.received == {}
    assert pair.server.output_bytes(call) == 3 * 5 + 11
    pair.client.increment_flow_control_window(10, call)
    assert pair.carry() == []
    assert pair.received[call] == (grpc(b"one") + grpc(b"two"))[:10]
    pair.server.send_message(call, b"four")
    pair.client.increment_flow_control_window(1_000, call)
    assert pair.carry() == [OutputDrained(call)]
    assert pair.received[call] == b"".join(map(grpc, (b"one", b"two", b"three", b"four")))


def test_a_window_may_become_negative() -> None:
    """SETTINGS may take back what has been used; sending goes on once the window is above nothing (RFC 9113, 6.9.2)."""
    pair = Pair()
    pair.takes = False
    call = pair.open()
    pair.carry()
    pair.server.send_message(call, b"a" * 30_000)
    pair.carry()
    pair.window(10_000)
    pair.carry()
    pair.server.send_message(call, b"b")
    pair.carry()
    assert pair.server.output_bytes(call) == 6
    pair.client.increment_flow_control_window(20_005, call)
    pair.carry()
    assert pair.server.output_bytes(call) == 6  # the window is at nothing now
    pair.window(10_006)
    assert pair.carry() == [OutputDrained(call)]
    assert pair.received[call] == grpc(b"a" * 30_000) + grpc(b"b")


def test_the_connections_window_goes_round() -> None:
    """Streams that wait for the connection's window are served in turn, and none is lost."""
    pair = Pair()
    pair.takes = False
    calls = [pair.open() for _ in range(5)]
    pair.carry()
    for call in calls:
        pair.server.send_message(call, bytes([call]) * 60_000)
    pair.carry()
    assert sum(map(len, pair.received.values())) == frames.DEFAULT_WINDOW_BYTES
    drained: list[H2Event] = []
    for _ in range(30):
        pair.client.increment_flow_control_window(10_000)
        drained += pair.carry()
    assert sorted(event.stream_id for event in drained if isinstance(event, OutputDrained)) == calls[1:]
    for call in calls:
        assert pair.received[call] == grpc(bytes([call]) * 60_000)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["send", "stream", "all", "shrink", "grow"])), max_size=40)
)
def test_any_order_of_sends_and_windows(steps: list[tuple[int, str]]) -> None:
    """Messages on four streams, window updates and settings in any order: order kept, nothing lost, windows obeyed."""
    pair = Pair()
    pair.takes = False
    pair.window(50)
    calls = [pair.open() for _ in range(4)]
    pair.carry()
    expected = dict.fromkeys(calls, b"")
    for turn, (which, step) in enumerate(steps):
        call = calls[which]
        if step == "send":
            message = bytes([turn]) * (turn * 40)
            pair.server.send_message(call, message)
            expected[call] += grpc(message)
        elif step == "stream":
            pair.client.increment_flow_control_window(70, call)
        elif step == "all":
            pair.client.increment_flow_control_window(70)
        else:
            pair.window(10 if step == "shrink" else 200)
        pair.carry()
    for call in calls:
        assert expected[call].startswith(pair.received.get(call, b""))
        pair.server.finish(call, GRPC_OK)
        pair.client.increment_flow_control_window(100_000, call)
    pair.client.increment_flow_control_window(400_000)
    pair.carry()
    assert {call: pair.received.get(call, b"") for call in calls} == expected
    assert all(pair.trailers[call]["grpc-status"] == "0" for call in calls)


# --- ends ------------------------------------------------------------------------------------------------------------


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
