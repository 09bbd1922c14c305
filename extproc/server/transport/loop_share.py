"""Yields time to the event loop while threads work: after each slice, up to the slice's duration, if the loop needs it.

Threads of one process share the GIL. If a thread works without a pause, the loop waits for the GIL again for each
message, some milliseconds each time, and falls behind its peers. A thread that waits for one iteration of the loop
yields the GIL for everything that has arrived.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

_IDLE_ROUND_NS = 300_000  # of an idle loop: one context switch in each direction
_ROUND_S_MAX = 1.0  # a slower loop has stopped, or is blocked


class LoopShare:
    """For one loop; used by one thread at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._loop = loop
        self._now_ns = now_ns

    def give(self, time_ns: int) -> None:
        """Wait until the loop is idle, or its time is up. [ns]"""
        now_ns = self._now_ns()
        end_ns = now_ns + time_ns
        while now_ns < end_ns:
            began_ns = now_ns
            if not self._await_round():
                return
            now_ns = self._now_ns()
            if now_ns - began_ns < _IDLE_ROUND_NS:
                return

    def _await_round(self) -> bool:
        """Wait for one complete iteration: the call comes in the middle of one, so the next one counts.

        Returns: whether the loop completed one in time.
        """
        done = threading.Lock()
        done.acquire()
        try:
            self._loop.call_soon_threadsafe(self._loop.call_soon, done.release)
        except RuntimeError:  # the loop is closed
            return False
        return done.acquire(timeout=_ROUND_S_MAX)
