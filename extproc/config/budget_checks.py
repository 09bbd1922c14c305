"""Checks of `budgets`: periods that do not exist, names that are taken, keys that nothing has, acts without a route."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from extproc.config.budgets import Budget
from extproc.config.conditions import unknown_caller_problem, unknown_name_problem
from extproc.config.document import Document
from extproc.config.problems import KeyPath, Places, Problem, Severity, shown
from extproc.config.route_conditions import zone_of

_RANGE = ("first_day", "last_day")
_OF_ACTS = ("when_unknown", "unknown_after_s")
_FIRST_YEAR, _LAST_YEAR = 2000, 9000  # days that every zone can name


def budget_problems(document: Document, places: Places) -> Iterator[Problem]:
    """All problems of budgets in an otherwise valid document."""
    budgets = document.budgets
    if budgets and document.ledger is None:
        hint = "Add `ledger: { url: sqlite:///ledger.db }`."
        yield places.problem(("budgets",), "nothing has their sums without a ledger", hint=hint, at_key=True)
    if document.budget_webhook_file is not None and not budgets:
        found = "there are no budgets to warn of"
        yield places.problem(("budget_webhook_file",), found, hint="Add `budgets:`, or remove it.", at_key=True)
    for index, budget in enumerate(budgets):
        at: KeyPath = ("budgets", index)
        yield from _name_problems(budgets, index, at, places)
        yield from _key_problems(budget, at, document, places)
        yield from _share_problems(budget, at, places)
        yield from _period_problems(budget, at, places)
        yield from _act_problems(budget, at, document, places)
    for named, path in _named_by_routes(document):
        yield from _named_problems(named, path, budgets, places)
    if any(one.of == "micro_usd" for one in budgets) and not _has_price(document):
        found = "money is never spent: every price is 0"
        yield places.problem(("budgets",), found, hint="Give versions a price.", severity=Severity.WARNING, at_key=True)
    if budgets and all(one.filter != "meter" for one in document.filters):
        found = "nothing counts what is spent"
        hint = "Add `- filter: meter`."
        yield places.problem(("budgets",), found, hint=hint, severity=Severity.WARNING, at_key=True)


def _name_problems(budgets: tuple[Budget, ...], index: int, at: KeyPath, places: Places) -> Iterator[Problem]:
    first = [one.name for one in budgets].index(budgets[index].name)
    if first != index:
        found = f"duplicate name, first on {places.line(('budgets', first, 'name'), at)}"
        yield places.problem((*at, "name"), found, hint="Give each budget its own.")


def _key_problems(budget: Budget, at: KeyPath, document: Document, places: Places) -> Iterator[Problem]:
    for place, key in enumerate(budget.match):
        if key in budget.match[:place]:
            yield places.problem((*at, "match", place), f"{shown(key)} is listed twice", hint="Keep one of the two.")
        elif budget.per == "team":
            yield from unknown_caller_problem((*at, "match", place), "team", key, document.identity.teams, places)


def _share_problems(budget: Budget, at: KeyPath, places: Places) -> Iterator[Problem]:
    for place, share in enumerate(budget.warn_at):
        if share in budget.warn_at[:place]:
            yield places.problem((*at, "warn_at", place), f"{share} is listed twice", hint="Keep one of the two.")


def _period_problems(budget: Budget, at: KeyPath, places: Places) -> Iterator[Problem]:
    try:
        zone_of(budget.timezone)
    except (KeyError, ValueError, OSError):
        hint = "Write an IANA name such as `Europe/Zurich`; the machine needs its time zone data (package tzdata)."
        yield places.problem((*at, "timezone"), f"unknown time zone {shown(budget.timezone)}", hint=hint)
    given = [key for key in _RANGE if getattr(budget, key) is not None]
    if budget.period is not None:
        for key in given:
            found = "a budget with `period` has no range of days"
            yield places.problem((*at, key), found, hint="Remove one of the two.", at_key=True)
    elif not given:
        hint = "Add `period: month`, or `first_day` and `last_day`."
        yield places.problem((*at, "period"), "missing: how long the amount lasts", hint=hint)
    elif len(given) == 1:
        missing = _RANGE[1 - _RANGE.index(given[0])]
        yield places.problem((*at, missing), f"missing: the other end of `{given[0]}`", hint="Add it.")
    else:
        yield from _range_problems(budget, at, places)


def _range_problems(budget: Budget, at: KeyPath, places: Places) -> Iterator[Problem]:
    days: list[date] = []
    for key in _RANGE:
        written = getattr(budget, key)
        try:
            day = date.fromisoformat(written)
        except ValueError:
            yield places.problem((*at, key), f"no calendar has the day {shown(written)}", hint="Write one that exists.")
            continue
        if not _FIRST_YEAR <= day.year < _LAST_YEAR:
            expected = f"a day of the years {_FIRST_YEAR} to {_LAST_YEAR - 1}"
            yield places.problem((*at, key), f"found the day {shown(written)}", expected=expected)
        days.append(day)
    if len(days) == len(_RANGE) and days[1] < days[0]:
        found = f"it ends on {days[1]}, before it begins on {days[0]}"
        yield places.problem((*at, "last_day"), found, hint="Name a last day that is not before the first.")


# --- what they do --------------------------------------------------------------------------------------------------


def _act_problems(budget: Budget, at: KeyPath, document: Document, places: Places) -> Iterator[Problem]:
    if budget.on_exhausted is None:
        for key in _OF_ACTS:
            if key in budget.model_fields_set and getattr(budget, key) is not None:
                hint = "Add `on_exhausted: block`, or remove it."
                yield places.problem((*at, key), "a budget that only warns", hint=hint, at_key=True)
    elif budget.when_unknown is None:
        hint = "Add `when_unknown: allow`, or `when_unknown: block`."
        found = "missing: what holds while nobody knows what is spent"
        yield places.problem((*at, "when_unknown"), found, hint=hint)
    if budget.on_exhausted == "downgrade":
        named = {name for names, path in _named_by_routes(document) if path[0] == "routes" for name in names}
        if budget.name not in named:
            when = f"`when: [{{ budget_exhausted: [{budget.name}] }}]`"
            hint = f"Add a route with {when}, or write `on_exhausted: block`."
            yield places.problem((*at, "on_exhausted"), "no route asks whether it is exhausted", hint=hint)


def _named_by_routes(document: Document) -> Iterator[tuple[tuple[str, ...], KeyPath]]:
    """The budgets that conditions of routes, and tests of routes, name."""
    for number, route in enumerate(document.routes):
        for index, condition in enumerate(route.when):
            yield condition.budget_exhausted, ("routes", number, "when", index, "budget_exhausted")
    for number, test in enumerate(document.route_tests):
        yield test.request.budget_exhausted, ("route_tests", number, "request", "budget_exhausted")


def _named_problems(
    named: tuple[str, ...], path: KeyPath, budgets: tuple[Budget, ...], places: Places
) -> Iterator[Problem]:
    by_name = {one.name: one for one in budgets}
    for place, name in enumerate(named):
        none = "" if budgets else "There are no `budgets`."
        yield from unknown_name_problem((*path, place), "budget", name, by_name, places, none)
        if name in by_name and by_name[name].on_exhausted != "downgrade":
            found = f"the budget {shown(name)} does not act by routes"
            yield places.problem((*path, place), found, hint="Give it `on_exhausted: downgrade`.")


def _has_price(document: Document) -> bool:
    prices = [version.price for model in document.models.values() for version in model.versions.values()]
    return any(one.prompt_micro_usd_per_mtok or one.completion_micro_usd_per_mtok for one in prices)
