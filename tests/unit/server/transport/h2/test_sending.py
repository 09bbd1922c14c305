"""Windows in both directions, with the ``h2`` library as the client that raises if one is exceeded."""

from __future__ import annotations

import h2.events
from h2.settings import SettingCodes
from hypothesis import given
from hypothesis import strategies as st

from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.connection import GRPC_OK
from extproc.server.transport.h2.events import H2Event, OutputDrained
from extproc.server.transport.h2.limits import H2Limits
from tests.unit.server.transport.h2.client import Pair
from tests.unit.server.transport.h2.wire import grpc, messages


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
