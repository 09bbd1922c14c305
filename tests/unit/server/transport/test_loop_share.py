"""A thread that works leaves the event loop time: all it needs, and at most as much as is given."""

from __future__ import annotations

import asyncio
import time

from extproc.server.transport.loop_share import LoopShare
from tests.unit.server.transport.fast.peers import on_both_loops

PLENTY_NS = 20_000_000_000
CALLS, CALL_S = 5, 0.01


@on_both_loops
async def test_the_loop_does_all_that_has_come() -> None:
    """Each call makes the next, so that it takes several rounds."""
    loop = asyncio.get_running_loop()
    left = [CALLS]

    def work() -> None:
        time.sleep(CALL_S)
        left[0] -= 1
        if left[0]:
            loop.call_soon(work)

    loop.call_soon(work)
    await asyncio.to_thread(LoopShare(loop).give, PLENTY_NS)
    assert left == [0]


@on_both_loops
async def test_a_loop_that_always_has_something_to_do_gets_its_time() -> None:
    """And the thread goes on."""
    loop = asyncio.get_running_loop()
    calls, over = [0], [False]

    def work() -> None:
        time.sleep(CALL_S / 10)
        calls[0] += 1
        if not over[0]:
            loop.call_soon(work)

    loop.call_soon(work)
    began_s = time.monotonic()
    await asyncio.to_thread(LoopShare(loop).give, 50_000_000)
    over[0] = True
    assert time.monotonic() - began_s > 0.05
    assert calls[0] > CALLS


@on_both_loops
async def test_a_loop_that_has_closed_has_no_use_for_time() -> None:
    """The end of a server waits for no thread."""
    closed = asyncio.new_event_loop()
    closed.close()
    await asyncio.wait_for(asyncio.to_thread(LoopShare(closed).give, PLENTY_NS), 5)
