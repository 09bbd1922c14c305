"""Time for the event loop while threads work: after each slice as much as the slice took, if the loop has use for it.

Threads of one process share one lock. Where a thread works without pause, the loop waits for the lock anew for each
message that comes, some milliseconds each time, and falls behind what its peers send. A thread that waits for a round
of the loop leaves it the lock for all that has come.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

_IDLE_ROUND_NS = 300_000  # of a loop that has nothing to do: two threads wake each other
_ROUND_S_MAX = 1.0  # a loop that takes longer has stopped, or is stuck in itself


class LoopShare:
    """Of one loop; used by one thread at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._loop = loop
        self._now_ns = now_ns

    def give(self, time_ns: int) -> None:
        """Wait until the loop has nothing left to do, or has had its time. [ns]"""
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
        """Wait for one whole round: the call comes in the middle of one, so the next one counts.

        Returns: whether the loop has done what had come to it.
        """
        done = threading.Lock()
        done.acquire()
        try:
            self._loop.call_soon_threadsafe(self._loop.call_soon, done.release)
        except RuntimeError:  # it is closed
            return False
        return done.acquire(timeout=_ROUND_S_MAX)
