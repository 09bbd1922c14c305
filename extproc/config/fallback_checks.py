"""Checks of ``fallback``: versions that cannot answer, and limits that leave no time for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from extproc.config.document import Document, Role
from extproc.config.fallback import Fallback, FallbackChain, chain_of, named_version, route_chains
from extproc.config.problems import KeyPath, Places, Problem, Severity, did_you_mean, names, shown


class _List(NamedTuple):
    """A fallback where it stands: of a model, or of a route (``model`` None), and the chains that it makes."""

    section: Fallback
    at: KeyPath
    model: str | None
    chains: list[FallbackChain]


def fallback_problems(document: Document, places: Places) -> Iterator[Problem]:
    """Problems of every fallback."""
    for one in _lists(document):
        if document.role is Role.GUARD:
            hint = "Another model server needs a gateway before both: remove it, or write `role: route`."
            yield places.problem(one.at, "role `guard` has one model server", hint=hint, at_key=True)
            continue
        if not any(each.filter == "version" for each in document.filters):
            found = "no filter chooses a version, so there is none to fall back from"
            yield places.problem(one.at, found, hint="Add `- filter: version`.", at_key=True)
        yield from _entry_problems(document, one, places)
        yield from _time_problems(document, one, places)
    yield from _target_problems(document, places)


def _lists(document: Document) -> Iterator[_List]:
    for model, entry in document.models.items():
        if entry.fallback is not None:
            chains = [chain_of(document, model, name) for name in entry.versions]
            yield _List(entry.fallback, ("models", model, "fallback"), model, chains)
    for number, route in enumerate(document.routes):
        if route.fallback is not None and route.has_target and not route.deny:
            yield _List(route.fallback, ("routes", number, "fallback"), None, route_chains(document, route))


def _target_problems(document: Document, places: Places) -> Iterator[Problem]:
    for number, route in enumerate(document.routes):
        if route.fallback is not None and not route.has_target:
            found = "the route leads to the requested model, which has a fallback of its own"
            hint = "Move it to the models, or give the route a `model:`, `version:` or `split:`."
            yield places.problem(("routes", number, "fallback"), found, hint=hint, at_key=True)


def _entry_problems(document: Document, one: _List, places: Places) -> Iterator[Problem]:
    first: dict[tuple[str, str], KeyPath] = {}
    found_keys = []
    for index, name in enumerate(one.section.to):
        at: KeyPath = (*one.at, "to", index)
        key = named_version(document, one.model, name)
        found_keys.append(key)
        if key is None:
            own = [] if one.model is None else list(document.models[one.model].versions)
            others = [f"{other}/{each}" for other, entry in document.models.items() for each in entry.versions]
            hint = did_you_mean(name, [*own, *others]) or f"Known versions: {names([*own, *others])}."
            expected = "MODEL/VERSION" if one.model is None else "VERSION or MODEL/VERSION"
            yield places.problem(at, f"unknown version {shown(name)}", expected=expected, hint=hint)
        elif key in first:
            found = f"{shown(name)} is in the list twice, first on {places.line(first[key], at)}"
            yield places.problem(at, found, hint="Each version is asked once: keep one of the two.")
        elif not _is_somewhere(document, key):
            hint = 'Envoy sends the request there: add `endpoints: ["HOST:PORT"]` to the version.'
            yield places.problem(at, f"{shown(name)} has no model server", hint=hint)
        first.setdefault(key or (name, ""), at)
    if None not in found_keys:
        yield from _lonely_problems(document, one, places)


def _is_somewhere(document: Document, key: tuple[str, str]) -> bool:
    version = document.models[key[0]].versions[key[1]]
    return bool(version.endpoints) or version.provider is not None


def _lonely_problems(document: Document, one: _List, places: Places) -> Iterator[Problem]:
    """Versions with traffic whose list names nobody but themselves."""
    at: KeyPath = (*one.at, "to")
    used = [chain for chain in one.chains if one.model is None or _has_traffic(document, chain.chosen)]
    lonely = [chain.chosen[1] if one.model else "/".join(chain.chosen) for chain in used if len(chain.versions) == 1]
    if lonely and len(lonely) == len(used):
        hint = "Name a version that is not the one that failed."
        yield places.problem(at, f"{names(lonely)} would fall back to itself only", hint=hint, at_key=True)
    elif lonely:
        found, hint = f"{names(lonely)} has no other version to fall back to", "Name one more version, if it needs one."
        yield places.problem(at, found, hint=hint, severity=Severity.WARNING, at_key=True)


def _has_traffic(document: Document, key: tuple[str, str]) -> bool:
    return document.models[key[0]].versions[key[1]].weight > 0


def _time_problems(document: Document, one: _List, places: Places) -> Iterator[Problem]:
    """Envoy gives up a request after its idle timeout, whichever version is being asked."""
    if "timeout" not in one.section.on:
        return
    waits, idle_ms = max((len(chain.versions) for chain in one.chains), default=1) - 1, document.envoy.stream_idle_ms
    for key in ("first_byte_ms", "unstreamed_first_byte_ms"):
        limit_ms = getattr(one.section, key)
        if limit_ms is None or limit_ms * max(waits, 1) < idle_ms:
            continue
        times = "" if waits < 2 else f" for each of {waits} versions"
        found = f"{limit_ms} ms{times}: Envoy ends the request after {idle_ms} ms, before the last version can answer"
        hint = "Lower it, or raise `envoy.stream_idle_ms`."
        yield places.problem((*one.at, key), found, hint=hint)
