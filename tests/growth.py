"""Whether time grows with a text and no faster: by the processor's time for it, and for a quarter of it."""

from __future__ import annotations

import time
from collections.abc import Callable

TIMES_LONGER = 4
GROWTH_MAX = 9
"""Between 4, in proportion, and 16, what looking back again and again would take."""
MACHINE_S = 0.05
TRIES = 3


def grows_in_proportion(work: Callable[[str], object], piece: str, long_chars: int) -> bool:
    """Whether, in one of the tries, a text that repeats ``piece`` takes time in proportion to its length."""
    long = (piece * (long_chars // len(piece) + 1))[:long_chars]
    short = long[: long_chars // TIMES_LONGER]
    return any(_seconds(work, long) < GROWTH_MAX * _seconds(work, short) + MACHINE_S for _ in range(TRIES))


def _seconds(work: Callable[[str], object], text: str) -> float:
    begin_s = time.process_time()
    work(text)
    return time.process_time() - begin_s
