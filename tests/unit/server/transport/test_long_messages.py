"""Room for long messages: bounded in all and for each connection, and given back whatever happens."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import pytest

from extproc.domain.pace import Abandoned
from extproc.server.transport.long_messages import LONG_MESSAGE_BYTES, LongMessageLimits, LongMessages
from tests.hangs import HANG_S
from tests.unit.server.loops import in_loop, until

VERY_LONG_BYTES = 1 << 20
LIMITS = LongMessageLimits(
    long_bytes_max=4 * LONG_MESSAGE_BYTES, very_long_bytes_max=2 * VERY_LONG_BYTES, messages_max=4, connection_share=0.5
)
PLENTY_NS = 60_000_000_000


class Meter:
    """What the metrics are told."""

    def __init__(self) -> None:
        self.count = self.refused = 0
        self.waits: list[float] = []

    def long_messages(self, count: int) -> None:
        """How many there are."""
        self.count = count

    def long_message_waited(self, wait_s: float) -> None:
        """How long one waited."""
        self.waits.append(wait_s)

    def long_message_refused(self) -> None:
        """One had no room."""
        self.refused += 1


def test_one_connection_gets_its_share_and_another_the_rest() -> None:
    """One more is refused, and counted."""
    meter = Meter()
    room = LongMessages(meter, LIMITS)
    taken = [room.take_room(LONG_MESSAGE_BYTES, whose) for whose in ("a", "a", "a", "b", "b", "c")]
    assert taken == [True, True, False, True, True, False]
    assert (meter.count, meter.refused) == (4, 2)
    room.leave_room(LONG_MESSAGE_BYTES, "a")
    assert room.take_room(LONG_MESSAGE_BYTES, "c")


def test_very_long_messages_take_no_room_from_long_ones() -> None:
    """A flood of the one does not keep the other out."""
    room = LongMessages(limits=LIMITS)
    assert room.take_room(VERY_LONG_BYTES, "a")
    assert not room.take_room(VERY_LONG_BYTES, "a")
    assert room.take_room(LONG_MESSAGE_BYTES, "a")


def test_a_single_message_of_any_length_has_room() -> None:
    """Else a body within ``request_body_bytes_max`` could never be judged."""
    room = LongMessages(limits=LIMITS)
    assert room.take_room(100 * VERY_LONG_BYTES, "a")
    assert not room.take_room(VERY_LONG_BYTES, "b")
    room.leave_room(100 * VERY_LONG_BYTES, "a")
    assert room.take_room(VERY_LONG_BYTES, "b")


def test_an_answer_is_never_refused_but_counts() -> None:
    """There are no more of them than requests that had room."""
    room = LongMessages(limits=LIMITS)
    for _ in range(6):
        room.hold(LONG_MESSAGE_BYTES, "a")
    assert not room.take_room(LONG_MESSAGE_BYTES, "b")


@in_loop
async def test_work_gives_its_result_or_its_error() -> None:
    """It runs in a thread of its own; how long it waited is told."""
    meter = Meter()
    room = LongMessages(meter, LIMITS)
    ran_in = await room.judge(threading.current_thread, room.turn(PLENTY_NS, LONG_MESSAGE_BYTES))
    assert ran_in is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        await room.judge(lambda: 1 // 0, room.turn(PLENTY_NS, LONG_MESSAGE_BYTES))
    assert len(meter.waits) == 1


@in_loop
async def test_work_that_nobody_awaits_ends_before_its_session_is_closed() -> None:
    """Its turn is told, and the thread is waited for."""
    room = LongMessages(limits=LIMITS)
    turn = room.turn(PLENTY_NS, LONG_MESSAGE_BYTES)
    begun, told, may_end, ended = (threading.Event() for _ in range(4))

    def work() -> None:
        begun.set()
        with suppress(Abandoned):
            while True:
                turn.check()
        told.set()
        assert may_end.wait(HANG_S)
        ended.set()

    judging = asyncio.ensure_future(room.judge(work, turn))
    await until(begun.is_set)
    judging.cancel()
    await until(told.is_set)
    assert not judging.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await judging
    assert ended.is_set()
