"""A thread that works leaves the event loop time: all it needs, and at most as much as is given."""

from __future__ import annotations

import asyncio
import threading
import time

from extproc.server.transport.loop_share import LoopShare
from tests.unit.server.transport.fast.peers import on_both_loops

PLENTY_NS = 20_000_000_000
CALL_NS = 1_000_000


class Clock:
    """It goes on by what the loop's calls say that they take, so that no other work on the machine counts."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        """The time. [ns]"""
        return self.now_ns


@on_both_loops
async def test_the_loop_does_all_that_has_come() -> None:
    """Each call makes the next, so that it takes several rounds."""
    loop, clock = asyncio.get_running_loop(), Clock()
    left = [5]

    def work() -> None:
        clock.now_ns += CALL_NS
        left[0] -= 1
        if left[0]:
            loop.call_soon(work)

    loop.call_soon(work)
    await asyncio.to_thread(LoopShare(loop, clock).give, PLENTY_NS)
    assert left == [0]


@on_both_loops
async def test_a_loop_that_always_has_something_to_do_gets_its_time() -> None:
    """All of it, also where the thread asks when a round has nearly ended; then the thread goes on."""
    loop, clock = asyncio.get_running_loop(), Clock()
    nearly_ended, over = threading.Event(), [False]

    def work() -> None:
        clock.now_ns += CALL_NS
        nearly_ended.set()
        time.sleep(0.005)
        nearly_ended.clear()
        if not over[0]:
            loop.call_soon(time.sleep, 0.005)  # the thread can look at the clock before it goes on
            loop.call_soon(work)

    def ask() -> int:
        nearly_ended.wait()
        began_ns = clock.now_ns
        LoopShare(loop, clock).give(5 * CALL_NS)
        return clock.now_ns - began_ns

    loop.call_soon(work)
    assert await asyncio.to_thread(ask) >= 5 * CALL_NS
    over[0] = True


@on_both_loops
async def test_a_loop_that_has_nothing_to_do_gets_no_time() -> None:
    """The thread asks once."""
    asked: list[int] = []

    def now_ns() -> int:
        asked.append(len(asked))
        return 0

    await asyncio.to_thread(LoopShare(asyncio.get_running_loop(), now_ns).give, PLENTY_NS)
    assert len(asked) == 2


@on_both_loops
async def test_a_loop_that_has_closed_has_no_use_for_time() -> None:
    """The end of a server waits for no thread."""
    closed = asyncio.new_event_loop()
    closed.close()
    await asyncio.wait_for(asyncio.to_thread(LoopShare(closed).give, PLENTY_NS), 5)
