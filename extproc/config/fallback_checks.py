"""Checks of ``fallback``: versions that cannot answer, and limits that leave no time for them."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.document import Document, Role
from extproc.config.fallback import Fallback, chain_of, named_version
from extproc.config.problems import KeyPath, Places, Problem, Severity, did_you_mean, names, shown


def fallback_problems(document: Document, places: Places) -> Iterator[Problem]:
    """Problems of every model's fallback."""
    for model, entry in document.models.items():
        if entry.fallback is None:
            continue
        at: KeyPath = ("models", model, "fallback")
        if document.role is Role.GUARD:
            hint = "Another model server needs a gateway before both: remove it, or write `role: route`."
            yield places.problem(at, "role `guard` has one model server", hint=hint, at_key=True)
            continue
        if not any(one.filter == "version" for one in document.filters):
            found = "no filter chooses a version, so there is none to fall back from"
            yield places.problem(at, found, hint="Add `- filter: version`.", at_key=True)
        yield from _entry_problems(document, model, entry.fallback, places)
        yield from _time_problems(document, model, entry.fallback, places)


def _entry_problems(document: Document, model: str, fallback: Fallback, places: Places) -> Iterator[Problem]:
    first: dict[tuple[str, str], KeyPath] = {}
    for index, name in enumerate(fallback.to):
        at: KeyPath = ("models", model, "fallback", "to", index)
        key = named_version(document, model, name)
        if key is None:
            own = list(document.models[model].versions)
            others = [f"{other}/{one}" for other, entry in document.models.items() for one in entry.versions]
            hint = did_you_mean(name, [*own, *others]) or f"Known versions: {names([*own, *others])}."
            yield places.problem(at, f"unknown version {shown(name)}", expected="VERSION or MODEL/VERSION", hint=hint)
        elif key in first:
            found = f"{shown(name)} is in the list twice, first on {places.line(first[key], at)}"
            yield places.problem(at, found, hint="Each version is asked once: keep one of the two.")
        elif not document.models[key[0]].versions[key[1]].endpoints:
            hint = 'Envoy sends the request there: add `endpoints: ["HOST:PORT"]` to the version.'
            yield places.problem(at, f"{shown(name)} has no model server", hint=hint)
        first.setdefault(key or (name, ""), at)
    if None not in [named_version(document, model, name) for name in fallback.to]:
        yield from _lonely_problems(document, model, places)


def _lonely_problems(document: Document, model: str, places: Places) -> Iterator[Problem]:
    """Versions with traffic whose list names nobody but themselves."""
    at: KeyPath = ("models", model, "fallback", "to")
    versions = document.models[model].versions
    used = [name for name, version in versions.items() if version.weight]
    lonely = [name for name in used if len(chain_of(document, model, name)) == 1]
    if lonely and len(lonely) == len(used):
        hint = "Name a version that is not the one that failed."
        yield places.problem(at, f"{names(lonely)} would fall back to itself only", hint=hint, at_key=True)
    elif lonely:
        found, hint = f"{names(lonely)} has no other version to fall back to", "Name one more version, if it needs one."
        yield places.problem(at, found, hint=hint, severity=Severity.WARNING, at_key=True)


def _time_problems(document: Document, model: str, fallback: Fallback, places: Places) -> Iterator[Problem]:
    """Envoy gives up a request after its idle timeout, whichever version is being asked."""
    if "timeout" not in fallback.on:
        return
    chains = [chain_of(document, model, name) for name in document.models[model].versions]
    waits, idle_ms = max(map(len, chains)) - 1, document.envoy.stream_idle_ms
    for key in ("first_byte_ms", "unstreamed_first_byte_ms"):
        limit_ms = getattr(fallback, key)
        if limit_ms is None or limit_ms * max(waits, 1) < idle_ms:
            continue
        times = "" if waits < 2 else f" for each of {waits} versions"
        found = f"{limit_ms} ms{times}: Envoy ends the request after {idle_ms} ms, before the last version can answer"
        hint = "Lower it, or raise `envoy.stream_idle_ms`."
        yield places.problem(("models", model, "fallback", key), found, hint=hint)
