"""Checks of ``routes``: those that never match, name nobody or lead nowhere; of pins; then the routes' own tests."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.conditions import unknown_caller_problem, unknown_name_problem
from extproc.config.document import Document, Role
from extproc.config.problems import KeyPath, Places, Problem, Severity, did_you_mean, shown
from extproc.config.route_conditions import ANY, minutes_of, model_test, zone_of
from extproc.config.route_covers import covering
from extproc.config.route_tests import route_test_problems
from extproc.config.routes import Route, RouteCondition

_ALL = (RouteCondition(),)
"""Of a route without conditions."""


def route_problems(document: Document, places: Places) -> Iterator[Problem]:
    """All problems of routes and pins; of their tests only if the routes have none."""
    yield from _pin_problems(document, places)
    found = [*_place_problems(document, places)]
    for number, route in enumerate(document.routes):
        at: KeyPath = ("routes", number)
        found += _name_problems(document, number, places)
        found += _target_problems(route, at, document, places)
        for index, condition in enumerate(route.when):
            found += _condition_problems(condition, (*at, "when", index), route, document, places)
    found += _order_problems(document, places)
    yield from found
    if all(problem.severity is Severity.WARNING for problem in found):
        yield from route_test_problems(document, places)


def _place_problems(document: Document, places: Places) -> Iterator[Problem]:
    """Routes are chosen by the filter ``version``, and tests need routes."""
    chosen = any(one.filter == "version" for one in document.filters)
    if document.routes and not chosen and document.role is Role.ROUTE:
        hint = "Add `- filter: version`."
        yield places.problem(("filters",), "no filter chooses by the routes", hint=hint, at_key=True)
    if document.route_tests and not document.routes:
        hint = "Add `routes:`, or remove them."
        yield places.problem(("route_tests",), "there are no routes to test", hint=hint, at_key=True)


def _pin_problems(document: Document, places: Places) -> Iterator[Problem]:
    teams = document.identity.teams
    for name, model in document.models.items():
        path: KeyPath = ("models", name, "pin_teams")
        if model.pin_teams and model.pin_header is None:
            hint = "Add `pin_header:`, or remove it."
            yield places.problem(path, "there is no header in which they could choose", hint=hint, at_key=True)
        for index, team in enumerate(model.pin_teams):
            yield from unknown_caller_problem((*path, index), "team", team, teams, places)
        if model.pin_header is not None and not model.pin_teams and document.role is Role.ROUTE:
            found, hint = "no team may choose a version with it", "Add `pin_teams: [TEAM]`, or remove it."
            header: KeyPath = ("models", name, "pin_header")
            yield places.problem(header, found, hint=hint, severity=Severity.WARNING, at_key=True)


# --- order ---------------------------------------------------------------------------------------------------------


def _name_problems(document: Document, number: int, places: Places) -> Iterator[Problem]:
    name, path = document.routes[number].name, ("routes", number, "name")
    first = next(index for index, route in enumerate(document.routes) if route.name == name)
    if first != number:
        found = f"duplicate name, first on {places.line(('routes', first, 'name'), path)}"
        yield places.problem(path, found, hint="Give each route its own.")


def _order_problems(document: Document, places: Places) -> Iterator[Problem]:
    """Exactly the last route matches all exchanges, and no earlier one takes all that another one would get."""
    routes, last = document.routes, len(document.routes) - 1
    for number, route in enumerate(routes[:-1]):
        if not route.when:
            hint = "Give it a `when:`, or put it last."
            found = "it matches all exchanges, so the routes after it are never chosen"
            yield places.problem(("routes", number), found, hint=hint, at_key=True)
    if routes and routes[-1].when:
        hint = "Remove its `when:`, or add a route without one after it."
        yield places.problem(("routes", last, "when"), "exchanges that match no route", hint=hint, at_key=True)
    for number, route in enumerate(routes):
        earlier = covering(routes[:number], route)
        if earlier is not None:
            at: KeyPath = ("routes", number)
            named = [f"{shown(routes[one].name)} on {places.line(('routes', one), at)}" for one in earlier]
            told = " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))
            takes, other = ("takes", "the other") if len(earlier) == 1 else ("take", "one of them")
            found = f"it can never match: {told} {takes} all of it"
            yield places.problem(at, found, hint=f"Put it first, narrow {other}, or remove it.", at_key=True)


# --- where to ------------------------------------------------------------------------------------------------------


def _target_problems(route: Route, at: KeyPath, document: Document, places: Places) -> Iterator[Problem]:
    versions = [f"{name}/{version}" for name, model in document.models.items() for version in model.versions]
    keys = ("deny", "model", "version", "split", *(["prompt", "fallback"] if route.deny else []))
    targets = [key for key in keys if getattr(route, key)]
    if len(targets) > 1:
        told = " and ".join(f"`{key}`" for key in targets)
        yield places.problem((*at, targets[1]), f"{told} together", hint="Keep one of them.", at_key=True)
    if route.model is not None:
        yield from unknown_name_problem((*at, "model"), "model", route.model, document.models, places)
    if route.version is not None:
        yield from unknown_name_problem((*at, "version"), "version", route.version, versions, places)
    first: dict[str, int] = {}
    for index, share in enumerate(route.split):
        path: KeyPath = (*at, "split", index, "version")
        yield from unknown_name_problem(path, "version", share.version, versions, places)
        if share.version in first:
            line = places.line((*at, "split", first[share.version], "version"), path)
            yield places.problem(path, f"duplicate version, first on {line}", hint="Add up their weights.")
        first.setdefault(share.version, index)
    if route.split and not any(share.weight for share in route.split):
        hint = "Give at least one version a weight above 0."
        yield places.problem((*at, "split"), "every weight is 0: no version would be used", hint=hint, at_key=True)


# --- conditions ----------------------------------------------------------------------------------------------------


def _condition_problems(
    condition: RouteCondition, at: KeyPath, route: Route, document: Document, places: Places
) -> Iterator[Problem]:
    if condition == RouteCondition():
        hint = "Give it a key, or remove `when:` and put the route last."
        yield places.problem(at, "a condition without a key matches all exchanges", hint=hint)
    identity = document.identity
    for key, known in (("teams", identity.teams), ("tiers", identity.tiers), ("tags", identity.tags)):
        for index, name in enumerate(getattr(condition, key)):
            yield from unknown_caller_problem((*at, key, index), key[:-1], name, known, places)
    if route.deny:
        yield from _denied_problems(condition, at, document, places)
    elif not route.has_target:
        yield from _requested_problems(condition, at, document, places)
    least, most = condition.prompt_tokens_min, condition.prompt_tokens_max
    if least is not None and most is not None and least > most:
        line = places.line((*at, "prompt_tokens_min"), (*at, "prompt_tokens_max"))
        found = f"no prompt has at least {least} and at most {most} tokens, see {line}"
        yield places.problem((*at, "prompt_tokens_max"), found, hint="Swap them, or remove one.")
    yield from _time_problems(condition, at, places)


def _requested_problems(
    condition: RouteCondition, at: KeyPath, document: Document, places: Places
) -> Iterator[Problem]:
    """Without a target, a name is that of a model: another one would get 404 whatever happens."""
    alias = "Add `model:`, `version:` or `split:` to make it an alias."
    for index, pattern in enumerate(condition.models):
        path: KeyPath = (*at, "models", index)
        if not pattern.endswith(ANY):
            yield from unknown_name_problem(path, "model", pattern, document.models, places, alias)
        elif not any(map(model_test((pattern,)), document.models)):
            yield places.problem(path, f"no model begins like {shown(pattern)}", hint=alias)


def _denied_problems(condition: RouteCondition, at: KeyPath, document: Document, places: Places) -> Iterator[Problem]:
    """A name that no model and no other route has is denied anyway: it is a slip, and another name stays open."""
    others = [one for route in document.routes if route.has_target and not route.deny for one in route.when or _ALL]
    if any(not one.models or ANY in one.models for one in others):
        return
    listed = {*document.models, *(name for one in others for name in one.models)}
    known = [name.removesuffix(ANY) for name in listed]
    for index, pattern in enumerate(condition.models):
        fits, is_taken = model_test((pattern,)), model_test(tuple(listed))
        if not any(map(fits, known)) and not is_taken(pattern.removesuffix(ANY)):
            hint = did_you_mean(pattern, known) or "Name a model, or an alias of another route."
            yield places.problem((*at, "models", index), f"unknown model {shown(pattern)}", hint=hint)


def _time_problems(condition: RouteCondition, at: KeyPath, places: Places) -> Iterator[Problem]:
    if condition.hours is not None:
        begin, end = minutes_of(condition.hours)
        if begin == end:
            found = f"the window {shown(condition.hours)} is empty"
            yield places.problem((*at, "hours"), found, hint="Let it end later than it begins, or remove it.")
    elif not condition.days and "timezone" in condition.model_fields_set:
        hint = "Add `days:` or `hours:`, or remove it."
        yield places.problem((*at, "timezone"), "a time zone without days or hours", hint=hint, at_key=True)
    try:
        zone_of(condition.timezone)
    except (KeyError, ValueError, OSError):
        hint = "Write an IANA name such as `Europe/Zurich`; the machine needs its time zone data (package tzdata)."
        yield places.problem((*at, "timezone"), f"unknown time zone {shown(condition.timezone)}", hint=hint)
