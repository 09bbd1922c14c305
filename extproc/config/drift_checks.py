"""Checks of `drift`: what it needs, windows that do not exist, signals that nobody collects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from extproc.config.conditions import unknown_name_problem
from extproc.config.document import Document
from extproc.config.drift import DriftSection
from extproc.config.problems import KeyPath, Places, Problem, shown
from extproc.domain.signals import RATES, VALUES

_AT: KeyPath = ("drift",)
_DAYS: Final = ("first_day", "last_day")
_OF_PINNED: Final = ("first_answers", *_DAYS)
WINDOW_DAYS_MAX: Final = 31
_YEARS: Final = range(2000, 9000)
_SIGNALS: Final = tuple(one.name for one in (*RATES, *VALUES))


def drift_problems(document: Document, places: Places) -> Iterator[Problem]:
    """All problems of drift in an otherwise valid document."""
    drift = document.drift
    if drift is None:
        return
    if document.ledger is None:
        hint = "Add `ledger: { url: sqlite:///ledger.db }`."
        yield places.problem(_AT, "nothing has the sums of signals without a ledger", hint=hint, at_key=True)
    if all(one.filter != "signals" for one in document.filters):
        yield places.problem(_AT, "nothing collects signals", hint="Add `- filter: signals`.", at_key=True)
    yield from _signal_problems(drift, places)
    if drift.reference == "pinned":
        yield from _window_problems(drift, places)
    else:
        for key in _OF_PINNED:
            if getattr(drift, key) is not None:
                hint = "Write `reference: pinned`, or remove it."
                yield places.problem((*_AT, key), "only a pinned reference has a window", hint=hint, at_key=True)
    if drift.reference != "last_week" and "weeks_differ_percent" in drift.model_fields_set:
        hint = "Write `reference: last_week`, or remove it."
        yield places.problem((*_AT, "weeks_differ_percent"), "no weeks are compared", hint=hint, at_key=True)


def _signal_problems(drift: DriftSection, places: Places) -> Iterator[Problem]:
    for place, name in enumerate(drift.signals):
        at = (*_AT, "signals", place)
        yield from unknown_name_problem(at, "signal", name, _SIGNALS, places)
        if name in drift.signals[:place]:
            yield places.problem(at, f"{shown(name)} is listed twice", hint="Keep one of the two.")


def _window_problems(drift: DriftSection, places: Places) -> Iterator[Problem]:
    given = [key for key in _DAYS if getattr(drift, key) is not None]
    if drift.first_answers is not None:
        for key in given:
            found = "a window of `first_answers` has no days"
            yield places.problem((*_AT, key), found, hint="Remove one of the two.", at_key=True)
    elif not given:
        hint = "Add `first_answers: 20000`, or `first_day` and `last_day`."
        yield places.problem((*_AT, "reference"), "missing: which answers are the reference", hint=hint)
    elif len(given) == 1:
        missing = _DAYS[1 - _DAYS.index(given[0])]
        yield places.problem((*_AT, missing), f"missing: the other end of `{given[0]}`", hint="Add it.")
    else:
        yield from _day_problems(drift, places)


def _day_problems(drift: DriftSection, places: Places) -> Iterator[Problem]:
    days: list[date] = []
    for key in _DAYS:
        written = getattr(drift, key)
        try:
            day = date.fromisoformat(written)
        except ValueError:
            yield places.problem(
                (*_AT, key), f"no calendar has the day {shown(written)}", hint="Write one that exists."
            )
            continue
        if day.year not in _YEARS:
            expected = f"a day of the years {_YEARS.start} to {_YEARS.stop - 1}"
            yield places.problem((*_AT, key), f"found the day {shown(written)}", expected=expected)
            continue
        days.append(day)
    if len(days) < len(_DAYS):
        return
    length = (days[1] - days[0]).days + 1
    if length < 1:
        found = f"it ends on {days[1]}, before it begins on {days[0]}"
        yield places.problem((*_AT, "last_day"), found, hint="Name a last day that is not before the first.")
    elif length > WINDOW_DAYS_MAX:
        expected = f"a window of at most {WINDOW_DAYS_MAX} days"
        yield places.problem((*_AT, "last_day"), f"found one of {length} days", expected=expected)
