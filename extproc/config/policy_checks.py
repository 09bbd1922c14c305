"""Checks of policies: guards that never run, or exchanges that match no policy."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.conditions import unknown_caller_problem, unknown_name_problem
from extproc.config.document import Document
from extproc.config.guards.base import Around
from extproc.config.policies import Condition, guards_of
from extproc.config.problems import KeyPath, Places, Problem, Severity, shown
from extproc.config.prompts import prompts_of


def policy_problems(document: Document, places: Places) -> Iterator[Problem]:
    """All problems of policies in an otherwise valid document."""
    yield from _place_problems(document, places)
    yield from _name_problems(document, places)
    yield from _order_problems(document, places)
    yield from _guard_problems(document, places)
    for number, policy in enumerate(document.policies):
        for index, condition in enumerate(policy.when):
            yield from _condition_problems(condition, ("policies", number, "when", index), document, places)


def _place_problems(document: Document, places: Places) -> Iterator[Problem]:
    """Policies and the `guards` filter need each other."""
    filters = [one.filter for one in document.filters]
    if document.policies and "guards" not in filters:
        hint = "Add `- filter: guards`, after `- filter: version` and before `- filter: prompt`."
        yield places.problem(("filters",), "no filter runs the guards of the policies", hint=hint, at_key=True)
    if "guards" not in filters:
        return
    at: KeyPath = ("filters", filters.index("guards"))
    if not document.policies:
        hint = "Add `policies:`, or remove this filter."
        yield places.problem(at, "there are no policies, so no guards", hint=hint, at_key=True)
    chosen_late = "version" in filters and filters.index("version") > filters.index("guards")
    if chosen_late and any(condition.versions for policy in document.policies for condition in policy.when):
        hint = "Put `- filter: version` before it."
        yield places.problem(at, "a policy depends on the version, which is not chosen yet", hint=hint, at_key=True)
    if "prompt" in filters and filters.index("prompt") < filters.index("guards"):
        found = "the guards would check and change the inserted system prompt"
        yield places.problem(at, found, hint="Put `- filter: prompt` after it.", at_key=True)


def _name_problems(document: Document, places: Places) -> Iterator[Problem]:
    first: dict[str, KeyPath] = {}
    for number, policy in enumerate(document.policies):
        path: KeyPath = ("policies", number, "name")
        if policy.name in first:
            found = f"duplicate name, first on {places.line(first[policy.name], path)}"
            yield places.problem(path, found, hint="Give each policy its own.")
        first.setdefault(policy.name, path)
        yield from _guard_name_problems(document, number, places)


def _guard_name_problems(document: Document, number: int, places: Places) -> Iterator[Problem]:
    first: dict[str, KeyPath] = {}
    for index, guard in enumerate(document.policies[number].guards):
        path: KeyPath = ("policies", number, "guards", index)
        name = guard.name or guard.guard
        if name in first:
            found = f"two guards are called {shown(name)}, the first on {places.line(first[name], path)}"
            hint = "Give one of them a `name:`, so that metrics can tell them apart."
            yield places.problem(path, found, hint=hint, at_key=True)
        first.setdefault(name, path)


def _guard_problems(document: Document, places: Places) -> Iterator[Problem]:
    """The problems that guards report themselves."""
    has_prompt = any(prompts_of(document))
    around = Around(document.classifiers, has_prompt, document.envoy.message_timeout_ms)
    for at, guard in guards_of(document.policies):
        yield from guard.problems(at, around, places)


def _order_problems(document: Document, places: Places) -> Iterator[Problem]:
    """Exactly the last policy must match all exchanges."""
    last = len(document.policies) - 1
    for number, policy in enumerate(document.policies[:-1]):
        if not policy.when:
            hint = "Give it a `when:`, or put it last."
            found = "it matches all exchanges, so the policies after it are never chosen"
            yield places.problem(("policies", number), found, hint=hint, at_key=True)
    if all(policy.when for policy in document.policies) and document.policies:
        hint = "Remove its `when:`, or add a policy without one after it; `guards: []` checks nothing."
        yield places.problem(("policies", last, "when"), "exchanges that match no policy", hint=hint, at_key=True)


def _condition_problems(condition: Condition, path: KeyPath, document: Document, places: Places) -> Iterator[Problem]:
    known = {
        "models": list(document.models),
        "versions": [f"{name}/{version}" for name, model in document.models.items() for version in model.versions],
        "teams": list(document.identity.teams),
    }
    for key, all_names in known.items():
        for index, name in enumerate(getattr(condition, key)):
            about = unknown_caller_problem if key == "teams" else unknown_name_problem
            yield from about((*path, key, index), key[:-1], name, all_names, places)
    if condition == Condition():
        yield places.problem(
            path,
            "a condition without a key matches all exchanges",
            hint="Give it one of endpoints, teams, models, versions, or remove it.",
            severity=Severity.WARNING,
        )
