"""How long a child may take until it is ready: longer on a machine that others keep busy."""

from __future__ import annotations

import os
import time
from typing import Final

BUSY_FACTOR_MAX: Final = 10.0


def busy_factor() -> float:
    """How many times longer work takes than on an idle machine, by its load: from 1 to 10."""
    return min(BUSY_FACTOR_MAX, max(1.0, _load() / _cpus()))


def load_told() -> str:
    """The load in words, if it explains a delay; else nothing."""
    return f" (the machine is busy: load {_load():.1f} on {_cpus()} CPUs)" if busy_factor() > 1.5 else ""


class TimeLimit:
    """Time for one start.

    Args: idle_s: what is enough on an idle machine [s].
    """

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        self._started_s = time.monotonic()
        self._factor = 1.0

    @property
    def waited_s(self) -> float:
        """Time since the start [s]."""
        return time.monotonic() - self._started_s

    def is_over(self) -> bool:
        """Whether it takes too long, also for a machine that was as busy as this one has been meanwhile."""
        self._factor = max(self._factor, busy_factor())
        return self.waited_s > self._idle_s * self._factor


def _load() -> float:
    return os.getloadavg()[0]


def _cpus() -> int:
    return len(os.sched_getaffinity(0))
