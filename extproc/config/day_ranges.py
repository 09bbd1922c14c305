"""Checks of ranges of days, which two keys of a section name: of budgets, of the window of drift."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from extproc.config.problems import KeyPath, Places, Problem, shown

DAY_KEYS: Final = ("first_day", "last_day")
_YEARS: Final = range(2000, 9000)  # days that every zone can name


def other_end_problem(given: str, at: KeyPath, places: Places) -> Problem:
    """Only one key of the range is given."""
    missing = DAY_KEYS[1 - DAY_KEYS.index(given)]
    return places.problem((*at, missing), f"missing: the other end of `{given}`", hint="Add it.")


def day_of(written: str) -> date | None:
    """The day; None: no calendar has it."""
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


def is_nameable(day: date) -> bool:
    """Whether it is of the years that are allowed."""
    return day.year in _YEARS


def day_problems(written: str, at: KeyPath, places: Places) -> Iterator[Problem]:
    """One that no calendar has, or of other years. Args: at: of its key."""
    day = day_of(written)
    if day is None:
        yield places.problem(at, f"no calendar has the day {shown(written)}", hint="Write one that exists.")
    elif not is_nameable(day):
        expected = f"a day of the years {_YEARS.start} to {_YEARS.stop - 1}"
        yield places.problem(at, f"found the day {shown(written)}", expected=expected)


def order_problem(first: date, last: date, at: KeyPath, places: Places) -> Problem:
    """The last day is before the first."""
    found = f"it ends on {last}, before it begins on {first}"
    return places.problem((*at, DAY_KEYS[1]), found, hint="Name a last day that is not before the first.")
