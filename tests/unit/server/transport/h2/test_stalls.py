"""Output that a peer does not let out: what it is charged, and how long it lives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.events import CallEnded
from extproc.server.transport.h2.limits import H2Limits
from tests.unit.server.transport.h2.wire import Wire, data, stalled

LIMITS = H2Limits()
SECOND_NS = 1_000_000_000


def test_a_small_message_that_waits_is_charged_for_more_than_its_bytes() -> None:
    """A message of no bytes is an object all the same."""
    wire = stalled(replace(LIMITS, output_bytes_max=2_610), 1)
    assert [wire.connection.send_message(1, b"") for _ in range(11)] == [True] * 10 + [False]
    assert wire.connection._output_bytes == 0


def test_a_status_that_waits_does_not_live_for_ever() -> None:
    """A status that waits behind output does not live for ever, and its end is no event: the call was over."""
    wire = stalled(replace(LIMITS, stream_stalled_s_max=60), 1)
    wire.connection.send_message(1, b"waits")
    wire.connection.finish(1, 0)
    wire.send(data(1, b"", frames.END_STREAM))
    assert wire.connection.end_stalled(1 * SECOND_NS) == []
    assert wire.connection.stream_count == 1
    assert wire.connection.end_stalled(62 * SECOND_NS) == []
    assert wire.connection.stream_count == 0


def test_a_connection_window_that_stays_shut_stalls_every_stream() -> None:
    """A peer that never opens it stalls every stream alike."""
    wire = Wire(replace(LIMITS, stream_stalled_s_max=60))
    for call in (1, 3):
        wire.open(call)
        wire.connection.send_message(call, b"x" * 65_000)
    assert wire.connection.end_stalled(1 * SECOND_NS) == []
    assert wire.connection.end_stalled(62 * SECOND_NS) == [CallEnded(3, reset=True)]  # the first has gone out
    assert not wire.connection._waiting


@pytest.mark.parametrize("message_bytes_max", [1_000_000, 17_825_792])
def test_the_largest_reply_may_wait(message_bytes_max: int) -> None:
    """A reply as large as a message may be is no fault of a peer whose window is used up, not even of many at once."""
    wire = stalled(H2Limits.for_messages(message_bytes_max), 1, 3, 5)
    assert all(wire.connection.send_message(call, bytes(message_bytes_max)) for call in (1, 3, 5))
    assert wire.connection._limits.output_bytes_max >= 16 * (message_bytes_max + 261)
