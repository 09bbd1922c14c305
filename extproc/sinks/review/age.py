"""Time for retention: wall-clock time, unless it has jumped ahead.

A wrong clock would make everything old at once. After a jump, retention by age pauses for a day, in which an operator
can fix the clock. A machine resumed from sleep jumps too, and only prunes a day later.
"""

from __future__ import annotations

import time
from collections.abc import Callable

JUMP_MS = 86_400_000
"""How far the clock may run ahead of elapsed time, and how long retention pauses after a larger jump."""


class AgeClock:
    """Polled periodically.

    Args:
        wall_ms, steady_ms: wall-clock and monotonic time.
    """

    def __init__(
        self,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        steady_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
    ) -> None:
        self._wall_ms = wall_ms
        self._steady_ms = steady_ms
        self._before = wall_ms(), steady_ms()
        self._waits_until_ms: int | None = None

    @property
    def waits(self) -> bool:
        """Whether retention is paused after a jump."""
        return self._waits_until_ms is not None

    def now_ms(self) -> int:
        """Wall-clock time; 0, which makes nothing old, while it is not trusted."""
        wall_ms, steady_ms = self._wall_ms(), self._steady_ms()
        ahead_ms = (wall_ms - self._before[0]) - (steady_ms - self._before[1])
        self._before = wall_ms, steady_ms
        if ahead_ms > JUMP_MS:
            self._waits_until_ms = steady_ms + JUMP_MS
        elif ahead_ms < -JUMP_MS or (self._waits_until_ms is not None and steady_ms >= self._waits_until_ms):
            self._waits_until_ms = None
        return 0 if self.waits else wall_ms
