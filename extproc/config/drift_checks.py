"""Checks of `drift`: what it needs, windows that do not exist, signals that nobody collects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from extproc.config.conditions import unknown_name_problem
from extproc.config.day_ranges import DAY_KEYS, day_of, day_problems, is_nameable, order_problem, other_end_problem
from extproc.config.document import Document
from extproc.config.drift import DriftSection
from extproc.config.problems import KeyPath, Places, Problem, shown
from extproc.domain.signals import RATES, VALUES

_AT: KeyPath = ("drift",)
_OF_PINNED: Final = ("first_answers", *DAY_KEYS)
WINDOW_DAYS_MAX: Final = 31
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
    given = [key for key in DAY_KEYS if getattr(drift, key) is not None]
    if drift.first_answers is not None:
        for key in given:
            found = "a window of `first_answers` has no days"
            yield places.problem((*_AT, key), found, hint="Remove one of the two.", at_key=True)
    elif not given:
        hint = "Add `first_answers: 20000`, or `first_day` and `last_day`."
        yield places.problem((*_AT, "reference"), "missing: which answers are the reference", hint=hint)
    elif len(given) == 1:
        yield other_end_problem(given[0], _AT, places)
    else:
        yield from _day_problems(drift, places)


def _day_problems(drift: DriftSection, places: Places) -> Iterator[Problem]:
    written = [getattr(drift, key) for key in DAY_KEYS]
    for key, day in zip(DAY_KEYS, written, strict=True):
        yield from day_problems(day, (*_AT, key), places)
    first, last = map(day_of, written)
    if first is None or last is None or not (is_nameable(first) and is_nameable(last)):
        return
    length = (last - first).days + 1
    if length < 1:
        yield order_problem(first, last, _AT, places)
    elif length > WINDOW_DAYS_MAX:
        expected = f"a window of at most {WINDOW_DAYS_MAX} days"
        yield places.problem((*_AT, DAY_KEYS[1]), f"found one of {length} days", expected=expected)
