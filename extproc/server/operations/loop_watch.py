"""Measures the event loop's lag: the minimum wait of a small message."""

from __future__ import annotations

import asyncio
import time

_BEAT_S = 0.05
_REMEMBERED_S = 5.0


class LoopWatch:
    """A heartbeat on a loop that measures its own delay. Runs from construction until the loop ends."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        now_s = time.monotonic()
        self._due_s = now_s
        self._since_s = now_s
        self._worst_s = self._worst_before_s = 0.0  # of this period, and of the previous one
        self._beat()

    def waits_s(self) -> float:
        """The longest lag of the last seconds, including the current one. From any thread. [s]"""
        return max(time.monotonic() - self._due_s, self._worst_s, self._worst_before_s, 0.0)

    def _beat(self) -> None:
        now_s = time.monotonic()
        if now_s - self._since_s > _REMEMBERED_S:
            self._since_s, self._worst_before_s, self._worst_s = now_s, self._worst_s, 0.0
        self._worst_s = max(self._worst_s, now_s - self._due_s)
        self._due_s = now_s + _BEAT_S
        self._loop.call_later(_BEAT_S, self._beat)
