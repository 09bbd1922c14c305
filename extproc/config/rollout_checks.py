"""Checks of `rollouts`: versions that are not there, steps that do not grow, margins, and shares without servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from extproc.config.conditions import unknown_caller_problem, unknown_name_problem
from extproc.config.document import Document, Model, Role
from extproc.config.problems import KeyPath, Places, Problem, Severity, shown
from extproc.config.rollout_traffic import traffic_problems
from extproc.config.rollouts import RolloutSection

LATENCY_SERVERS_MIN: Final = 3
"""With fewer an arm's latency is that of its machine as much as that of its version."""
_LATENCIES: Final = frozenset({"first_token", "token_time"})
_AT: KeyPath = ("rollouts",)


def rollout_problems(document: Document, places: Places) -> Iterator[Problem]:
    """All problems of rollouts in an otherwise valid document."""
    if not document.rollouts:
        return
    if document.ledger is None:
        hint = "Add `ledger: { url: sqlite:///ledger.db }`."
        yield places.problem(_AT, "nothing has the sums of both versions without a ledger", hint=hint, at_key=True)
    if all(one.filter != "signals" for one in document.filters):
        yield places.problem(_AT, "nothing collects signals", hint="Add `- filter: signals`.", at_key=True)
    yield from _repeated(document, places)
    for place, one in enumerate(document.rollouts):
        yield from plan_problems(one, document, (*_AT, place), places)


def plan_problems(plan: RolloutSection, document: Document, at: KeyPath, places: Places) -> Iterator[Problem]:
    """The problems of one rollout."""
    yield from _step_problems(plan, at, places)
    yield from _gate_problems(plan, at, places)
    yield from _mesh_problems(plan, document, at, places)
    for place, team in enumerate(plan.teams):
        yield from unknown_caller_problem((*at, "teams", place), "team", team, document.identity.teams, places)
    model = document.models.get(plan.model)
    if model is None:
        yield from unknown_name_problem((*at, "model"), "model", plan.model, document.models, places)
        return
    for key in ("stable", "canary"):
        name = getattr(plan, key)
        yield from unknown_name_problem((*at, key), "version", name, model.versions, places)
    if plan.stable == plan.canary:
        hint = "Name the version that is to replace it."
        yield places.problem((*at, "canary"), f"{shown(plan.canary)} is the stable version too", hint=hint)
    elif plan.traffic is None and plan.stable in model.versions and plan.canary in model.versions:
        yield from _version_problems(plan, model, at, places)


def _mesh_problems(plan: RolloutSection, document: Document, at: KeyPath, places: Places) -> Iterator[Problem]:
    """Who shares the traffic: the filter `version` in role route, a mesh in role guard."""
    if plan.traffic is None:
        if document.role is Role.GUARD:
            hint = "Add `traffic`, with the object of the mesh that does; or leave the rollout to role `route`."
            yield places.problem(at, "role `guard` does not choose versions", hint=hint)
        return
    path = (*at, "traffic")
    yield from traffic_problems(plan.traffic, path, places)
    if document.role is Role.ROUTE:
        hint = "Remove it. Or write `role: guard`, with a processor next to each model server, and let the mesh choose."
        yield places.problem(path, "role `route` chooses versions itself", hint=hint, at_key=True)
    if plan.teams:
        hint = "Remove it: the mesh shares the traffic of all teams."
        yield places.problem((*at, "teams"), "a mesh does not know teams", hint=hint, at_key=True)
    if document.ledger is not None and not document.ledger.url.startswith("postgresql:"):
        found = "each pod would decide by its own numbers, and all of them write the same weights"
        yield places.problem(path, found, hint="Give all pods one ledger: `ledger.url: postgresql://...`.", at_key=True)


def _repeated(document: Document, places: Places) -> Iterator[Problem]:
    for key in ("name", "model"):
        counts = Counter(getattr(one, key) for one in document.rollouts)
        seen: set[str] = set()
        for place, one in enumerate(document.rollouts):
            value = getattr(one, key)
            if counts[value] > 1 and value in seen:
                hint = "Names are unique." if key == "name" else "A model has one rollout at a time: keep one."
                yield places.problem((*_AT, place, key), f"{shown(value)} is there already", hint=hint)
            seen.add(value)


def _step_problems(plan: RolloutSection, at: KeyPath, places: Places) -> Iterator[Problem]:
    before = 0
    for place, step in enumerate(plan.steps):
        path = (*at, "steps", place, "percent")
        if step.percent <= before:
            hint = "Each step has a larger share than the one before."
            yield places.problem(path, f"{step.percent} % after {before} %", hint=hint)
        before = step.percent
    if plan.steps[-1].percent != 100:
        found = f"the last step has {plan.steps[-1].percent} %"
        hint = "The last one is 100: then the canary has everything."
        yield places.problem((*at, "steps"), found, hint=hint, at_key=True)


def _gate_problems(plan: RolloutSection, at: KeyPath, places: Places) -> Iterator[Problem]:
    if not plan.compared_gates():
        yield places.problem((*at, "gates"), "no gate is compared", hint="Leave some in.", at_key=True)
    compared = {gate.name: gate for gate in plan.compared_gates()}
    for place, terms in enumerate(plan.gates):
        path = (*at, "gates", place)
        if any(other.gate == terms.gate for other in plan.gates[:place]):
            yield places.problem((*path, "gate"), f"{shown(terms.gate)} is listed twice", hint="Keep one of the two.")
        gate = compared.get(terms.gate)
        if gate is not None and gate.roll_back >= gate.promote:
            hint = "`roll_back_percent` is below `promote_percent`: what is rolled back must not go on."
            found = f"rolled back beyond {100 * gate.roll_back:g} %, and goes on below {100 * gate.promote:g} %"
            yield places.problem(path, found, hint=hint)


def _version_problems(plan: RolloutSection, model: Model, at: KeyPath, places: Places) -> Iterator[Problem]:
    stable, canary = model.versions[plan.stable], model.versions[plan.canary]
    if not stable.weight + canary.weight:
        hint = f"Give {shown(plan.stable)} a weight: the rollout shares it with the canary."
        yield places.problem(at, "both versions have the weight 0, so neither has traffic", hint=hint)
    servers, of_stable = len(canary.endpoints), len(stable.endpoints)
    if not servers or not of_stable:
        return
    compares_latency = any(one.name in _LATENCIES for one in plan.compared_gates())
    if compares_latency and min(servers, of_stable) < LATENCY_SERVERS_MIN:
        found = f"latency is compared between {of_stable} and {servers} endpoints"
        hint = (
            f"With fewer than {LATENCY_SERVERS_MIN} an arm, a difference may be that of the machines. Endpoints that "
            "are balancers of several servers are fine."
        )
        yield _warning(places, at, found, hint)
    if servers * 2 < of_stable:
        found = f"at the last step {servers} endpoints get what {of_stable} have now"
        yield _warning(places, (*at, "canary"), found, "Give the canary as many before its share grows.")


def _warning(places: Places, path: KeyPath, found: str, hint: str) -> Problem:
    return places.problem(path, found, hint=hint, severity=Severity.WARNING)
