"""What a connection copies, keeps and looks at is in proportion to what its peer sends: counted, not timed."""

from __future__ import annotations

import pytest

from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.connection import H2Connection
from extproc.server.transport.h2.frames import ErrorCode, reset, window_update
from extproc.server.transport.h2.limits import H2Limits
from tests.unit.server.transport.h2.wire import HELLO, Wire, data, end_of, grpc, messages

LIMITS = H2Limits()


@pytest.mark.parametrize("piece_bytes", [1, 1_000, 16_384])
def test_a_message_in_small_pieces_costs_no_more_than_its_bytes(piece_bytes: int) -> None:
    """What is kept of a message is appended to: no piece that comes copies those that came before."""

    class Counted(bytearray):
        copied = 0

        def __iadd__(self, more: bytes) -> Counted:  # type: ignore[override]
            Counted.copied += len(more)
            super().__iadd__(more)
            return self

        def __add__(self, more: bytes) -> bytearray:  # type: ignore[override]
            raise AssertionError("the whole message is copied for a piece")

    size = 200_000 if piece_bytes == 1 else 5_000_000
    wire = Wire()
    wire.open(1)
    wire.send(data(1, grpc(b"m" * size)[:6]))
    wire.connection._streams[1].partial = Counted(b"m")
    kept: set[int] = set()
    events = []
    for start in range(1, size, piece_bytes):
        events += wire.send(data(1, b"m" * min(piece_bytes, size - start)))
        kept.add(id(wire.connection._streams[1].partial))
    assert messages(events) == [b"m" * size]
    assert Counted.copied <= size
    assert len(kept) == 2  # the one that grew, and the empty one after it


def test_a_frame_in_small_reads_is_put_together_once() -> None:
    """Reads of a byte are gathered, and joined when the frame is whole."""
    wire = Wire()
    wire.open(1)
    octets = data(1, grpc(b"m" * 16_000))
    events = []
    for place in range(len(octets)):
        events += wire.send(octets[place : place + 1])
        if 9 < place < len(octets) - 1:
            assert len(wire.connection._pieces) == place - 7  # the header as one, then each byte by itself
    assert messages(events) == [b"m" * 16_000]


def test_a_window_opened_byte_by_byte_copies_nothing() -> None:
    """CVE-2019-9511, 9517: output let out a byte at a time stays one buffer, of which views are cut."""
    wire = Wire()
    wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 0}))
    wire.open(1)
    wire.connection.send_message(1, b"x" * 1_000_000)
    (waiting,) = wire.connection._streams[1].output or [memoryview(b"")]
    buffer = waiting.obj
    for _ in range(100):
        wire.send(window_update(1, 1))
    (waiting,) = wire.connection._streams[1].output or [memoryview(b"")]
    assert waiting.obj is buffer
    assert len(waiting) == 1_000_005 - 100


def test_a_window_update_looks_only_at_what_it_sets_free() -> None:
    """Streams that wait for their own window are not looked at when the connection's grows."""
    wire = Wire()
    wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 0}))
    for call in range(1, 400, 2):
        wire.open(call)
        wire.connection.send_message(call, b"waits")
    assert not wire.connection._waiting
    assert wire.send(window_update(0, 1)) == []


def full_connection() -> Wire:
    """Stream 1 has taken all of the connection's window; stream 3 waits for it."""
    wire = Wire()
    wire.open(1)
    wire.open(3)
    assert wire.connection.send_message(1, b"x" * (frames.DEFAULT_WINDOW_BYTES - 5))
    assert wire.connection.send_message(3, b"waits")
    assert list(wire.connection._waiting) == [3]
    wire.sent()
    return wire


def test_a_stream_that_is_reset_waits_no_more() -> None:
    """Nothing is written on it when the connection's window grows."""
    wire = full_connection()
    wire.send(reset(3, ErrorCode.CANCEL))
    assert wire.send(window_update(0, 1_000)) == []
    assert wire.sent() == []


def test_a_stream_that_loses_its_own_window_waits_for_that() -> None:
    """SETTINGS takes it; the connection's window then sets nothing free, and the stream's own does."""
    wire = full_connection()
    wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 0}))
    assert not wire.connection._waiting
    wire.send(window_update(0, 1_000))
    assert [f.kind for f in wire.sent()] == [frames.SETTINGS]
    wire.send(window_update(3, 10))
    assert [f.payload for f in wire.sent()] == [grpc(b"waits")]


def test_streams_that_wait_take_turns() -> None:
    """The one that has waited longest is first; then it is last."""
    wire = full_connection()
    wire.open(5)
    wire.connection.send_message(5, b"waits too")
    wire.sent()
    for _ in range(4):
        wire.send(window_update(0, 2))
    assert [f.stream_id for f in wire.sent()] == [3, 5, 3, 5]


def test_the_streams_that_we_have_reset_are_not_remembered_for_ever() -> None:
    """Only as many as may have frames under way; a frame for one that is forgotten resets it once more."""
    wire = Wire()
    for call in range(1, 2_401, 2):
        wire.open(call)
        wire.connection.finish(call, 0)
    assert len(wire.connection._reset_by_us) == 1_024
    wire.sent()
    assert end_of(wire, wire.send(data(2_399, b"x"))) == "nothing"
    assert end_of(wire, wire.send(data(1, b"x"))) == "stream STREAM_CLOSED"
    assert end_of(wire, wire.send(data(1, b"x"))) == "nothing"


@pytest.mark.interpreted
def test_small_messages_are_copied_once() -> None:
    """A message is cut out of what was read, and nothing else is; what is sent is one piece of output."""

    class Counted(bytes):
        cuts = 0

        def __getitem__(self, part: slice) -> bytes:  # type: ignore[override]
            Counted.cuts += 1
            return super().__getitem__(part)

    wire = Wire()
    wire.open(1)
    events = wire.send(Counted(data(1, grpc(b"m")) * 10))
    assert messages(events) == [b"m"] * 10
    assert Counted.cuts == 10
    wire.connection.send_message(1, b"first")
    before = len(wire.connection._out)
    wire.connection.send_message(1, b"second")
    assert len(wire.connection._out) == before + 1


def test_nothing_is_kept_after_the_preface_of_a_silent_peer() -> None:
    """What waits before the preface is whole is nothing but its own remainder."""
    connection = H2Connection(LIMITS)
    for octet in HELLO[:20]:
        assert connection.receive(bytes([octet]), 0) == []
    assert connection._pieces == []
    assert not connection.closed
