"""What time it is for whoever deletes by age: the time of day, unless that has jumped ahead.

A clock that is set wrongly would make everything old at once. After a jump nothing is deleted by age for a day, in
which somebody can mend it. A machine that slept jumps too, and only deletes a day later.
"""

from __future__ import annotations

import time
from collections.abc import Callable

JUMP_MS = 86_400_000
"""How far ahead a clock may go, beyond the time that has passed, and how long is waited when it went further."""


class AgeClock:
    """Asked now and then.

    Args:
        wall_ms, steady_ms: the time of day, and a clock that never jumps.
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
        """Whether it has jumped not long ago."""
        return self._waits_until_ms is not None

    def now_ms(self) -> int:
        """The time of day; 0, before which nothing was, while it is not believed."""
        wall_ms, steady_ms = self._wall_ms(), self._steady_ms()
        ahead_ms = (wall_ms - self._before[0]) - (steady_ms - self._before[1])
        self._before = wall_ms, steady_ms
        if ahead_ms > JUMP_MS:
            self._waits_until_ms = steady_ms + JUMP_MS
        elif ahead_ms < -JUMP_MS or (self._waits_until_ms is not None and steady_ms >= self._waits_until_ms):
            self._waits_until_ms = None
        return 0 if self.waits else wall_ms
