"""From when on an hour counts. Commands and the process that ships go by the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

DAY_US: Final = 86_400_000_000
_HOUR_US: Final = 3_600_000_000
_US_PER_S: Final = 1_000_000
SETTLED_US: Final = _HOUR_US
"""An hour counts when it is over for so long: most of what ran in it has ended, and is in the ledger."""
LASTS_S_MAX: Final = 1_800
"""Of the process that allocates; then the system ends it."""


def settled_us(now_us: int) -> int:
    """The end of the last hour that counts. [us since 1970]"""
    return (now_us - SETTLED_US) // _HOUR_US * _HOUR_US


def settles_from_us(now_us: int) -> int:
    """The beginning of yesterday: what comes later than a day is left to the command. [us since 1970]"""
    return (now_us // DAY_US - 1) * DAY_US


def overdue_us(until_us: int, now_us: int) -> int:
    """For how long the hour behind a time should be allocated; 0: it is not due yet. [us]"""
    due_us = until_us + _HOUR_US + SETTLED_US + LASTS_S_MAX * _US_PER_S
    return max(0, now_us - due_us)


def days_between(begin_us: int, end_us: int) -> Iterator[tuple[int, int]]:
    """Days of UTC, the first and last perhaps in part."""
    for day in range(begin_us // DAY_US, -(-end_us // DAY_US)):
        yield max(day * DAY_US, begin_us), min((day + 1) * DAY_US, end_us)
