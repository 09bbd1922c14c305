"""The periods of budgets: days, weeks, months or a range of days, in a time zone.

Periods of one size follow each other without a gap, so each moment is in exactly one. A day on which a zone puts the
clock forward has 23 hours, and one on which it puts it back 25.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, Literal, NamedTuple

CalendarSpan = Literal["day", "week", "month"]
"""A week begins on Monday."""
SLOT_US: Final = 900_000_000
"""A quarter of an hour: every time zone in use is a whole number of them away from UTC, so each day begins with one."""
_US_PER_S: Final = 1_000_000


class BudgetPeriod(NamedTuple):
    """From its first moment up to the first one of the next. [us since 1970, UTC]"""

    start_us: int
    end_us: int


def calendar_period(span: CalendarSpan, zone: tzinfo, now_us: int) -> BudgetPeriod:
    """The period of a size that a moment is in."""
    first = _first_of(datetime.fromtimestamp(now_us // _US_PER_S, zone).date(), span)
    # Where the clock goes back over midnight, it shows the day before again after a day has begun.
    while _begin_us(following := _following(first, span), zone) <= now_us:
        first = following
    return BudgetPeriod(_begin_us(first, zone), _begin_us(following, zone))


def range_period(first: date, last: date, zone: tzinfo) -> BudgetPeriod:
    """The period of some days, both included."""
    return BudgetPeriod(_begin_us(first, zone), _begin_us(last + timedelta(1), zone))


def _begin_us(day: date, zone: tzinfo) -> int:
    """When a day begins: at its first midnight, where the clock shows it twice or skips it too."""
    return int(datetime.combine(day, time(), zone).astimezone(UTC).timestamp()) * _US_PER_S


def _first_of(day: date, span: CalendarSpan) -> date:
    if span == "week":
        return day - timedelta(day.weekday())
    return day.replace(day=1) if span == "month" else day


def _following(first: date, span: CalendarSpan) -> date:
    if span == "month":
        return (first + timedelta(31)).replace(day=1)
    return first + timedelta(7 if span == "week" else 1)
