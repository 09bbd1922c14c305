"""The days, weeks and months of a report, in a time zone.

Periods follow each other without a gap, so an entry is in exactly one of them. A day on which a zone puts the clock
forward has 23 hours, and one on which it puts it back 25.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

PERIODS_MAX: Final = 1_100
"""Of one report: three years of days."""
_US_PER_S: Final = 1_000_000
_BACK: Final = re.compile(r"(\d{1,4})([dw])\Z")
_UNITS: Final = {"d": 1, "w": 7}
_FIRST_DAY, _LAST_DAY = date(1970, 1, 2), date(9_000, 1, 1)  # what a clock of microseconds can name in any zone


class PeriodSize(StrEnum):
    """How long a period is; a week begins on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"  # the whole range


class BadRange(ValueError):
    """Days or a zone that no report can have. The message says how to write them."""


@dataclass(frozen=True, slots=True)
class Period:
    """From its first moment up to the first one of the next.

    Attributes:
        first, last: its days, both included.
        start_us, end_us: [us since 1970, UTC]; the end is not included.
        complete: it is over, and the range of the report cuts nothing off.
    """

    first: date
    last: date
    start_us: int
    end_us: int
    complete: bool


@dataclass(frozen=True, slots=True)
class DayRange:
    """The days of a report, both included, and their zone."""

    first: date
    last: date
    zone: tzinfo
    zone_name: str

    def __post_init__(self) -> None:
        """Raises: BadRange."""
        if self.first > self.last:
            raise BadRange(f"--from {self.first} is after --to {self.last}; name the earlier day first")
        if not _FIRST_DAY <= self.first <= self.last <= _LAST_DAY:
            raise BadRange(f"a report has days from {_FIRST_DAY} to {_LAST_DAY}")

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1


def start_us(day: date, zone: tzinfo) -> int:
    """When a day begins [us since 1970, UTC]: at its first midnight, where the clock shows it twice or skips it too."""
    return int(datetime.combine(day, time(), zone).astimezone(UTC).timestamp()) * _US_PER_S


def periods_of(days: DayRange, size: PeriodSize, now_us: int) -> list[Period]:
    """The periods of a report, the oldest first; the range may cut the first and the last one.

    Raises: BadRange, if there are more than ``PERIODS_MAX``.
    """
    found: list[Period] = []
    for first, last in _whole(days, size):
        shown_first, shown_last = max(first, days.first), min(last, days.last)
        start, end = start_us(shown_first, days.zone), start_us(shown_last + timedelta(1), days.zone)
        whole = (shown_first, shown_last) == (first, last)
        found.append(Period(shown_first, shown_last, start, end, whole and end <= now_us))
        if len(found) > PERIODS_MAX:
            raise BadRange(f"more than {PERIODS_MAX} periods of a {size}; take fewer days, or a longer --period")
    return found


def period_before(days: DayRange, size: PeriodSize, now_us: int) -> Period:
    """What the figures of the first period are compared with: the whole one before it.

    Before a whole range that is not over, it is as long as what has passed of the range.
    """
    end = start_us(days.first, days.zone)
    if size is PeriodSize.TOTAL:
        passed = min(max(now_us, end), start_us(days.last + timedelta(1), days.zone)) - end
        first = days.first - timedelta(days.days)
        return Period(first, days.first - timedelta(1), end - passed, end, complete=True)
    last = next(_whole(days, size))[0] - timedelta(1)
    first = _first_of(last, size)
    return Period(first, last, start_us(first, days.zone), start_us(last + timedelta(1), days.zone), complete=True)


def _whole(days: DayRange, size: PeriodSize) -> Iterator[tuple[date, date]]:
    """First and last days, as the calendar has them."""
    if size is PeriodSize.TOTAL:
        yield days.first, days.last
        return
    first = _first_of(days.first, size)
    while first <= days.last:
        following = _following(first, size)
        yield first, following - timedelta(1)
        first = following


def _first_of(day: date, size: PeriodSize) -> date:
    if size is PeriodSize.WEEK:
        return day - timedelta(day.weekday())
    return day.replace(day=1) if size is PeriodSize.MONTH else day


def _following(first: date, size: PeriodSize) -> date:
    if size is PeriodSize.MONTH:
        return (first + timedelta(31)).replace(day=1)
    return first + timedelta(7 if size is PeriodSize.WEEK else 1)


# --- what is given on the command line -----------------------------------------------------------------------------


def zone_of(name: str) -> tzinfo:
    """A time zone by its name in the IANA database. Raises: BadRange."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise BadRange(
            f"--timezone {name[:40]!r} is no time zone of this machine; write UTC or a name such as Europe/Berlin"
        ) from None


def day_of(written: str, option: str, today: date) -> date:
    """A day: 2026-11-25, today, yesterday, or 7d and 2w before today.

    Raises: BadRange.
    """
    if written in ("today", "yesterday"):
        return today - timedelta(written == "yesterday")
    try:
        if back := _BACK.match(written):
            return today - timedelta(int(back[1]) * _UNITS[back[2]])
        return date.fromisoformat(written)
    except (ValueError, OverflowError):
        raise BadRange(
            f"{option} {written[:40]!r} is no day; write 2026-11-25, today, yesterday, 7d or 2w (before today)"
        ) from None
