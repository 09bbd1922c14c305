"""Checks of ``providers``, of the versions that have one, and of the rules for what may go there."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.conditions import unknown_caller_problem, unknown_name_problem
from extproc.config.document import Document, Role, Version
from extproc.config.problems import KeyPath, Places, Problem, Severity, shown
from extproc.config.providers import Provider, address_of
from extproc.config.secrecy import may_be_secret

_LOOPBACK = ("127.0.0.1", "localhost")


def provider_problems(document: Document, places: Places) -> Iterator[Problem]:
    """All problems of providers."""
    used = set()
    for model, entry in document.models.items():
        for name, version in entry.versions.items():
            if version.provider is not None:
                used.add(version.provider)
                yield from _version_problems(document, ("models", model, "versions", name), version, places)
    for provider, section in document.providers.items():
        at: KeyPath = ("providers", provider)
        yield from _address_problems(section, at, places)
        if provider not in used:
            hint = "Name it as `provider` of a version, or remove it."
            yield places.problem(at, "no version uses it", hint=hint, severity=Severity.WARNING, at_key=True)
    yield from _rule_problems(document, places)


def _version_problems(document: Document, at: KeyPath, version: Version, places: Places) -> Iterator[Problem]:
    name = version.provider or ""
    yield from unknown_name_problem((*at, "provider"), "provider", name, document.providers, places, _none(document))
    if document.role is Role.GUARD:
        hint = "A gateway before it can send requests elsewhere: remove it, or write `role: route`."
        yield places.problem((*at, "provider"), "role `guard` has one model server", hint=hint, at_key=True)
    elif not any(one.filter == "version" for one in document.filters):
        hint = "Add `- filter: version`."
        yield places.problem((*at, "provider"), "no filter chooses a version", hint=hint, at_key=True)
    if version.endpoints:
        hint = "Keep one of the two: a version is at one place."
        yield places.problem((*at, "endpoints"), "`endpoints` and `provider` together", hint=hint, at_key=True)
    if version.served_model is None:
        hint = "Add `served_model:`, such as `gpt-5-mini`."
        yield places.problem(
            (*at, "provider"), "the provider's own name of the model is missing", hint=hint, at_key=True
        )


def _none(document: Document) -> str:
    return "" if document.providers else "Add it to `providers:`."


def _address_problems(provider: Provider, at: KeyPath, places: Places) -> Iterator[Problem]:
    try:
        address = address_of(provider)
    except ValueError:
        found = f"the port in {places.quoted((*at, 'url'), provider.url)}"
        yield places.problem((*at, "url"), found, expected="a port from 1 to 65535")
        return
    if not address.is_secure and address.host not in _LOOPBACK:
        found, hint = "texts and the key go there unencrypted", "Write `https://`, if the provider has it."
        yield places.problem((*at, "url"), found, hint=hint, severity=Severity.WARNING)
    if provider.key_file is not None and may_be_secret(provider.key_file):
        found, hint = "this looks like the key itself", "Write the key to a file on Envoy's machine, and its path here."
        yield places.problem((*at, "key_file"), found, hint=hint)


def _rule_problems(document: Document, places: Places) -> Iterator[Problem]:
    teams = document.identity.teams
    for index, team in enumerate(document.identity.private_teams):
        at: KeyPath = ("identity", "private_teams", index)
        yield from unknown_caller_problem(at, "team", team, teams, places)
    local = [
        f"{model}/{name}"
        for model, entry in document.models.items()
        for name, version in entry.versions.items()
        if version.provider is None
    ]
    for number, policy in enumerate(document.policies):
        if policy.providers == "none" and document.providers and not local:
            found = f"{shown(policy.name)} forbids providers, and every version is at one"
            hint = "Its exchanges are refused with 403. Add a version of your own, or remove it."
            path: KeyPath = ("policies", number, "providers")
            yield places.problem(path, found, hint=hint, severity=Severity.WARNING)
