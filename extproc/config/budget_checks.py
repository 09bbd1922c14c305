"""Checks of `budgets`: periods that do not exist, names that are taken, keys that nothing has, acts without a route."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.budgets import Budget
from extproc.config.conditions import unknown_caller_problem, unknown_name_problem
from extproc.config.day_ranges import DAY_KEYS, day_of, day_problems, order_problem, other_end_problem
from extproc.config.document import Document
from extproc.config.problems import KeyPath, Places, Problem, Severity, shown
from extproc.config.route_conditions import zone_of

_OF_ACTS = ("when_unknown", "unknown_after_s")


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
        if budget.of == "gpu_seconds" and document.gpus is None:
            hint = "Add `gpus:`, with the model servers and their GPUs."
            yield places.problem((*at, "of"), "no GPU time is known without `gpus`", hint=hint)
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
    given = [key for key in DAY_KEYS if getattr(budget, key) is not None]
    if budget.period is not None:
        for key in given:
            found = "a budget with `period` has no range of days"
            yield places.problem((*at, key), found, hint="Remove one of the two.", at_key=True)
    elif not given:
        hint = "Add `period: month`, or `first_day` and `last_day`."
        yield places.problem((*at, "period"), "missing: how long the amount lasts", hint=hint)
    elif len(given) == 1:
        yield other_end_problem(given[0], at, places)
    else:
        yield from _range_problems(budget, at, places)


def _range_problems(budget: Budget, at: KeyPath, places: Places) -> Iterator[Problem]:
    written = [getattr(budget, key) for key in DAY_KEYS]
    for key, day in zip(DAY_KEYS, written, strict=True):
        yield from day_problems(day, (*at, key), places)
    first, last = map(day_of, written)
    if first is not None and last is not None and last < first:
        yield order_problem(first, last, at, places)


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
