"""Runs ``route_tests``: which route a request takes, and to which versions and prompts that leads.

A test says nothing of a conversation, so it covers all versions that have a share; a pinned version is the only one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from extproc.config.conditions import known_identity, unknown_name_problem
from extproc.config.data_rules import DataRules, compile_data_rules, most_telling
from extproc.config.document import Document, Version
from extproc.config.problems import KeyPath, Places, Problem, names, shown
from extproc.config.prompts import prompt_name
from extproc.config.providers import CompiledProvider, compile_providers
from extproc.config.route_conditions import CompiledRouteCondition, RouteFacts, TimeMissing, compile_condition
from extproc.config.route_names import NamedRoute, may_request
from extproc.config.route_reasons import RouteVerdict, route_verdicts
from extproc.config.routes import RequestFacts, Route, RouteExpectation, seconds_of

NONE = "none"
NOT_FOUND = "model_not_found"
NOT_ALLOWED = "request_not_allowed"
PIN_NOT_FOUND = "version_not_found"

_Conditions = tuple[str, Sequence[CompiledRouteCondition]]
"""Name and conditions of a route."""


class Taken(NamedTuple):
    """Where a request goes.

    Attributes:
        tried: the routes that were tried; the last one is taken.
        versions: MODEL/VERSION of those with a share.
        prompts: of each of them, by label.
        code: of the error that the client gets; empty if there are versions.
        denied: by its route.
    """

    tried: list[RouteVerdict]
    versions: list[str]
    prompts: list[str]
    code: str
    denied: bool

    @property
    def route(self) -> str:
        """Its name."""
        return self.tried[-1].route


def route_test_problems(document: Document, places: Places) -> Iterator[Problem]:
    """The tests that fall short, and the names in them that nothing has. The routes are valid."""
    conditions = [(route.name, [compile_condition(one) for one in route.when]) for route in document.routes]
    rules, providers = compile_data_rules(document), compile_providers(document.providers)
    first: dict[str, KeyPath] = {}
    for number, test in enumerate(document.route_tests if document.routes else ()):
        at: KeyPath = ("route_tests", number)
        if test.name in first:
            found = f"duplicate name, first on {places.line(first[test.name], (*at, 'name'))}"
            yield places.problem((*at, "name"), found, hint="Give each test its own.")
        first.setdefault(test.name, (*at, "name"))
        wrong = [*_expectation_problems(test.expect, at, document, places)]
        yield from wrong
        if wrong:
            continue
        try:
            taken = _taken(test.request, document, conditions, rules, providers)
        except TimeMissing:
            hint = "Add `at:`, such as `2026-11-30T09:00:00Z`."
            yield places.problem((*at, "request"), "the route depends on the time", hint=hint, at_key=True)
        except ValueError:
            yield places.problem((*at, "request", "at"), "there is no such time", hint="Correct its date or time.")
        else:
            yield from _differences(test.expect, taken, at, places)


def _expectation_problems(
    expect: RouteExpectation, at: KeyPath, document: Document, places: Places
) -> Iterator[Problem]:
    path: KeyPath = (*at, "expect")
    if not expect.model_fields_set:
        hint = f"Write one of {names(RouteExpectation.model_fields)}."
        yield places.problem(path, "nothing is expected", hint=hint, at_key=True)
    if expect.route is not None:
        known = [route.name for route in document.routes]
        yield from unknown_name_problem((*path, "route"), "route", expect.route, known, places)
    versions = [f"{name}/{version}" for name, model in document.models.items() for version in model.versions]
    if expect.version is not None:
        yield from unknown_name_problem((*path, "version"), "version", expect.version, versions, places)
    for index, version in enumerate(expect.versions):
        yield from unknown_name_problem((*path, "versions", index), "version", version, versions, places)


def _differences(expect: RouteExpectation, taken: Taken, at: KeyPath, places: Places) -> Iterator[Problem]:
    """A problem for each key that differs, at its line."""
    here = "; ".join(_told(number, one, at, places) for number, one in enumerate(taken.tried) if _tells(one, expect))
    for key, wanted, got, agrees in _compared(expect, taken):
        if wanted and not agrees:
            yield places.problem((*at, "expect", key), f"got {got}", expected=wanted, hint=f"{here}.")


def _tells(one: RouteVerdict, expect: RouteExpectation) -> bool:
    """Whether a route that was tried explains a difference: it was taken, or should have been."""
    return one.matches or one.route == expect.route


def _told(number: int, one: RouteVerdict, at: KeyPath, places: Places) -> str:
    does = "matches" if one.matches else "does not match"
    return f"{shown(one.route)} on {places.line(('routes', number), at)} {does}: {one.reason}"


def _compared(expect: RouteExpectation, taken: Taken) -> Iterator[tuple[str, str, str, bool]]:
    """Key, what is expected and what came of it in words, and whether they agree."""
    versions = names(taken.versions) or f"no version ({taken.code})"
    prompts = names(dict.fromkeys(taken.prompts)) or NONE
    route, version = expect.route or "", expect.version or ""
    yield "route", route and shown(route), shown(taken.route), route == taken.route
    yield "version", version and shown(version), versions, taken.versions == [version]
    within = bool(taken.versions) and set(taken.versions) <= set(expect.versions)
    yield "versions", (expect.versions and f"one of {names(expect.versions)}") or "", versions, within
    prompt = expect.prompt or ""
    yield "prompt", prompt and shown(prompt), prompts, set(taken.prompts) == {prompt}
    if expect.deny is not None:
        yield "deny", _denied(expect.deny), _denied(taken.denied), expect.deny is taken.denied
    code = expect.code or ""
    yield "code", code and shown(code), shown(taken.code or NONE), code == (taken.code or NONE)


def _denied(denied: bool) -> str:
    return "denied" if denied else "not denied"


# --- where a request goes ------------------------------------------------------------------------------------------


def _taken(
    request: RequestFacts,
    document: Document,
    conditions: Sequence[_Conditions],
    rules: DataRules,
    providers: Mapping[str, CompiledProvider],
) -> Taken:
    """Raises: TimeMissing; ValueError for a time that does not exist."""
    facts = _facts(request, document)
    tried = [*route_verdicts(conditions, facts)]
    route = document.routes[len(tried) - 1]
    if route.deny:
        return Taken(tried, [], [], _code_of_denied(document, conditions, request.model, facts), denied=True)
    chosen, code = _chosen(route, request, document, facts)
    errors = [rules.error(facts, share, providers.get(share.section.provider or "")) for share in chosen]
    if chosen and all(errors):
        return Taken(tried, [], [], most_telling(errors).code, denied=False)
    chosen = [share for share, error in zip(chosen, errors, strict=True) if error is None]
    prompts = [prompt_name(route.prompt or share.section.prompt) for share in chosen]
    return Taken(tried, [share.name for share in chosen], prompts, code, denied=False)


def _code_of_denied(document: Document, conditions: Sequence[_Conditions], asked: str | None, facts: RouteFacts) -> str:
    """Of the error for a route that denies: a name that the client may request otherwise is no secret."""
    routes = [
        NamedRoute(compiled, _target_model(route, document), route.deny)
        for (_, compiled), route in zip(conditions, document.routes, strict=True)
    ]
    return NOT_ALLOWED if may_request(asked, routes, document.models, facts) else NOT_FOUND


def _target_model(route: Route, document: Document) -> str | None:
    return _shares(route, document, "")[0].model if route.has_target and not route.deny else None


def _facts(request: RequestFacts, document: Document) -> RouteFacts:
    identity = document.identity
    return RouteFacts(
        request.model or "",
        request.endpoint,
        known_identity(request.team, identity.teams),
        known_identity(request.tier, identity.tiers),
        known_identity(request.tag, identity.tags),
        request.headers,
        request.prompt_tokens,
        request.streamed,
        request.tools,
        None if request.at is None else seconds_of(request.at),
        frozenset(request.budget_exhausted),
    )


class _Share(NamedTuple):
    """A version that a route may lead to."""

    model: str
    version: str
    section: Version
    weight: int

    @property
    def name(self) -> str:
        """MODEL/VERSION."""
        return f"{self.model}/{self.version}"


def _shares(route: Route, document: Document, asked: str) -> list[_Share]:
    """Where a route leads a request for a model; empty if there is no such model."""
    shares = [
        _Share(name, key, version, version.weight)
        for name, model in document.models.items()
        for key, version in model.versions.items()
    ]
    by_name = {share.name: share for share in shares}
    if route.version is not None:
        return [by_name[route.version]._replace(weight=1)]
    if route.split:
        return [by_name[share.version]._replace(weight=share.weight) for share in route.split]
    only = next(iter(document.models)) if len(document.models) == 1 else ""
    wanted = route.model or asked or only
    return [share for share in shares if share.model == wanted]


def _chosen(route: Route, request: RequestFacts, document: Document, facts: RouteFacts) -> tuple[list[_Share], str]:
    """The versions that such an exchange may get, or the code of its error."""
    shares = _shares(route, document, facts.model)
    if not shares:
        return [], NOT_FOUND
    model = document.models[shares[0].model]
    pinned = request.headers.get(model.pin_header or "") if facts.team in model.pin_teams else None
    if not pinned:
        return [share for share in shares if share.weight], ""
    is_set = route.version is not None or bool(route.split)
    found = [share for share in shares if pinned == share.version or (is_set and pinned == share.name)]
    return found[:1], "" if found else PIN_NOT_FOUND
