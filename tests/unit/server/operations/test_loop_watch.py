"""How long small messages wait is seen, also while nobody is there to say so."""

from __future__ import annotations

import asyncio
import threading
import time

from extproc.server.operations.loop_watch import LoopWatch
from tests.unit.server.transport.fast.peers import on_both_loops

BLOCKED_S = 0.4


@on_both_loops
async def test_a_loop_that_turns_lets_nobody_wait() -> None:
    """Or hardly."""
    watch = LoopWatch(asyncio.get_running_loop())
    await asyncio.sleep(0.2)
    assert watch.waits_s() < BLOCKED_S


@on_both_loops
async def test_a_loop_that_stands_still_is_seen_while_it_does_and_remembered() -> None:
    """From a thread, as probes ask; afterwards for some seconds."""
    watch = LoopWatch(asyncio.get_running_loop())
    seen: list[float] = []

    def probe() -> None:
        deadline = time.monotonic() + 10
        while not seen and time.monotonic() < deadline:
            if (waits_s := watch.waits_s()) > BLOCKED_S / 2:
                seen.append(waits_s)
            time.sleep(0.01)

    thread = threading.Thread(target=probe)
    thread.start()
    time.sleep(BLOCKED_S)
    thread.join()
    assert seen
    await asyncio.sleep(0)
    assert watch.waits_s() >= BLOCKED_S - 0.1
