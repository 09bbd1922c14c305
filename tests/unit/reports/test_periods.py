"""Periods partition time, in every zone."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from itertools import pairwise
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.reports.periods import (
    PERIODS_MAX,
    BadRange,
    DayRange,
    PeriodSize,
    day_of,
    period_before,
    periods_of,
    start_us,
    zone_of,
)

TODAY = date(2026, 11, 29)
HOUR_US = 3_600_000_000
ZONES = sorted(available_timezones() & {"America/Sao_Paulo", "Africa/Cairo", "Asia/Kathmandu", "Pacific/Apia"})
"""Zones that have put the clock forward at midnight, have quarters of an hour, or have skipped a day."""


def days(first: date, last: date, zone: str = "UTC") -> DayRange:
    """A range."""
    return DayRange(first, last, zone_of(zone), zone)


@given(
    st.dates(date(1990, 1, 1), date(2040, 1, 1)),
    st.integers(0, 400),
    st.sampled_from(list(PeriodSize)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", *ZONES]),
)
def test_periods_partition_the_range(first: date, more: int, size: PeriodSize, zone: str) -> None:
    """Each begins where the one before ends; together they are the range."""
    asked = days(first, first + timedelta(more), zone)
    found = periods_of(asked, size, 0)
    assert found[0].start_us == start_us(asked.first, asked.zone)
    assert found[-1].end_us == start_us(asked.last + timedelta(1), asked.zone)
    assert all(one.start_us <= one.end_us for one in found)
    for one, following in pairwise(found):
        assert (one.end_us, one.last + timedelta(1)) == (following.start_us, following.first)
    before = period_before(asked, size, 2**60)
    cut = found[0].first - before.last - timedelta(1)  # days of the first period that the range leaves out
    assert timedelta() <= cut < timedelta(31)
    assert before.end_us == start_us(asked.first - cut, asked.zone)


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        (date(2026, 3, 29), "Europe/Berlin", 23),
        (date(2026, 10, 25), "Europe/Berlin", 25),
        (date(2026, 3, 8), "America/New_York", 23),
        (date(2018, 11, 4), "America/Sao_Paulo", 23),  # there is no midnight
        (date(2026, 4, 5), "Australia/Lord_Howe", 24.5),
        (date(2011, 12, 30), "Pacific/Apia", 0),  # a day that was left out
        (date(2026, 3, 29), "UTC", 24),
    ],
)
def test_a_day_is_as_long_as_its_zone_has_it(day: date, zone: str, hours: float) -> None:
    """Where the clock is put forward or back."""
    (period,) = periods_of(days(day, day, zone), PeriodSize.DAY, 0)
    assert (period.end_us - period.start_us) / HOUR_US == hours


def test_weeks_and_months_are_those_of_the_calendar() -> None:
    """The range cuts the first and the last one, and those are not complete."""
    weeks = periods_of(days(date(2026, 11, 25), date(2026, 12, 8)), PeriodSize.WEEK, 2**60)
    assert [(one.first.day, one.last.day, one.complete) for one in weeks] == [
        (25, 29, False),
        (30, 6, True),
        (7, 8, False),
    ]
    months = periods_of(days(date(2026, 1, 1), date(2026, 3, 31)), PeriodSize.MONTH, 2**60)
    assert [(one.last.day, one.complete) for one in months] == [(31, True), (28, True), (31, True)]
    before = period_before(days(date(2026, 3, 5), date(2026, 3, 31)), PeriodSize.MONTH, 0)
    assert (before.first, before.last) == (date(2026, 2, 1), date(2026, 2, 28))


def test_a_period_that_is_not_over_is_not_complete() -> None:
    """Today is not."""
    noon = start_us(TODAY, UTC) + 12 * HOUR_US
    yesterday, today = periods_of(days(TODAY - timedelta(1), TODAY), PeriodSize.DAY, noon)
    assert (yesterday.complete, today.complete) == (True, False)


def test_a_whole_range_is_compared_with_as_long_a_time() -> None:
    """Of a range that is not over, with as much as has passed."""
    noon = start_us(TODAY, UTC) + 12 * HOUR_US
    before = period_before(days(TODAY - timedelta(1), TODAY), PeriodSize.TOTAL, noon)
    assert (before.end_us - before.start_us) / HOUR_US == 36
    over = period_before(days(TODAY - timedelta(3), TODAY - timedelta(2)), PeriodSize.TOTAL, noon)
    assert (over.first, over.last) == (TODAY - timedelta(5), TODAY - timedelta(4))


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026-11-25", date(2026, 11, 25)),
        ("today", TODAY),
        ("yesterday", TODAY - timedelta(1)),
        ("7d", TODAY - timedelta(7)),
        ("2w", TODAY - timedelta(14)),
    ],
)
def test_days_are_written_in_several_ways(written: str, day: date) -> None:
    """A date, or so long before today."""
    assert day_of(written, "--from", TODAY) == day


@pytest.mark.parametrize("written", ["", "tomorrow", "2026-13-01", "12h", "2026-11-25T10:00", "x" * 100])
def test_another_text_is_no_day(written: str) -> None:
    """And is told with how to write one; a long one is cut."""
    with pytest.raises(BadRange) as bad:
        day_of(written, "--from", TODAY)
    assert str(bad.value) == (
        f"--from {written[:40]!r} is no day; write 2026-11-25, today, yesterday, 7d or 2w (before today)"
    )


@pytest.mark.parametrize("name", ["Mars/Phobos", "", "../etc/passwd", "/etc/localtime", "x" * 1_000, "a\0b", "Europe"])
def test_an_unknown_zone_is_told(name: str) -> None:
    """Whatever it looks like."""
    with pytest.raises(BadRange, match="is no time zone of this machine; write UTC or a name such as Europe/Berlin"):
        zone_of(name)


def test_a_range_has_an_order_and_limits() -> None:
    """Days that no clock has, and more periods than anybody reads."""
    with pytest.raises(BadRange, match="--from 2026-11-29 is after --to 2026-11-28; name the earlier day first"):
        days(TODAY, TODAY - timedelta(1))
    with pytest.raises(BadRange, match="a report has days from 1970-01-02 to 9000-01-01"):
        days(date(1, 1, 1), TODAY)
    longest = days(TODAY - timedelta(PERIODS_MAX), TODAY)
    with pytest.raises(BadRange, match=f"more than {PERIODS_MAX} periods of a day; take fewer days, or a longer"):
        periods_of(longest, PeriodSize.DAY, 0)
    assert len(periods_of(longest, PeriodSize.MONTH, 0)) == 37
