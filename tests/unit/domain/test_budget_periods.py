"""Periods partition time in every zone, also on the days on which a clock is put forward or back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import get_args
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.domain.budget_periods import SLOT_US, BudgetPeriod, CalendarSpan, calendar_period, range_period
from tests.thorough import examples

HOUR_US = 3_600_000_000
ZONES = sorted(available_timezones() - {"localtime"})
SPANS: tuple[CalendarSpan, ...] = get_args(CalendarSpan)
FIRST_US, LAST_US = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000 for year in (2000, 2060))


def at_us(written: str) -> int:
    """A moment, such as 2026-03-29T01:00+01:00."""
    return int(datetime.fromisoformat(written).timestamp()) * 1_000_000


@settings(max_examples=examples(200))
@given(st.sampled_from(ZONES), st.sampled_from(SPANS), st.integers(FIRST_US, LAST_US))
def test_each_moment_is_in_one_period(name: str, span: CalendarSpan, now_us: int) -> None:
    """The neighbors begin and end where it does, and each of its moments finds it."""
    zone = ZoneInfo(name)
    period = calendar_period(span, zone, now_us)
    assert period.start_us <= now_us < period.end_us
    assert calendar_period(span, zone, period.start_us) == period
    assert calendar_period(span, zone, period.end_us - 1) == period
    assert calendar_period(span, zone, period.end_us).start_us == period.end_us
    assert calendar_period(span, zone, period.start_us - 1).end_us == period.start_us
    assert (period.start_us % SLOT_US, period.end_us % SLOT_US) == (0, 0)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Zurich", "2026-03-29", 23),
        ("Europe/Zurich", "2026-10-25", 25),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("America/Sao_Paulo", "2018-11-04", 23),  # midnight is skipped
        ("America/Havana", "2026-11-01", 25),  # midnight comes twice
        ("UTC", "2026-03-29", 24),
    ],
)
def test_days_on_which_the_clock_is_set(zone: str, day: str, hours: float) -> None:
    """They are as long as they are, and begin at the first midnight."""
    first = date.fromisoformat(day)
    period = range_period(first, first, ZoneInfo(zone))
    assert period.end_us - period.start_us == hours * HOUR_US
    for moment in (period.start_us, period.start_us + HOUR_US, period.end_us - 1):
        assert calendar_period("day", ZoneInfo(zone), moment) == period


def test_a_clock_that_goes_back_over_midnight() -> None:
    """St. John's set it from 00:01 to 23:01 of the day before: the day had begun, and does not begin again."""
    zone = ZoneInfo("America/St_Johns")
    second_evening = at_us("2010-11-06T23:30-03:30")
    assert datetime.fromtimestamp(second_evening // 1_000_000, zone).date() == date(2010, 11, 6)
    began = at_us("2010-11-07T00:00-02:30")
    assert calendar_period("day", zone, second_evening) == BudgetPeriod(began, at_us("2010-11-08T00:00-03:30"))


def test_a_day_that_a_zone_left_out() -> None:
    """Samoa had no 30 December 2011."""
    zone = ZoneInfo("Pacific/Apia")
    assert len(set(range_period(date(2011, 12, 30), date(2011, 12, 30), zone))) == 1
    last = at_us("2011-12-29T23:59-10:00")
    assert calendar_period("day", zone, last).end_us == at_us("2011-12-31T00:00+14:00")


def test_weeks_months_and_ranges() -> None:
    """A week begins on Monday, a range has both its days."""
    now = at_us("2026-12-31T22:59:59+00:00")
    zone = ZoneInfo("Europe/Zurich")
    assert calendar_period("week", zone, now) == (at_us("2026-12-28T00:00+01:00"), at_us("2027-01-04T00:00+01:00"))
    assert calendar_period("month", zone, now) == (at_us("2026-12-01T00:00+01:00"), at_us("2027-01-01T00:00+01:00"))
    days = range_period(date(2026, 2, 1), date(2026, 2, 28), UTC)
    assert days == (at_us("2026-02-01T00:00+00:00"), at_us("2026-03-01T00:00+00:00"))
