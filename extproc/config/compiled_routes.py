"""Compiled routes, from which the version filter takes the first that matches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from extproc.config.compiled_rollouts import with_rollout
from extproc.config.document import Document
from extproc.config.models import (
    CompiledModel,
    CompiledVersion,
    VersionPlace,
    compile_fallbacks,
    compile_version,
    find_version,
)
from extproc.config.prompt_files import compiled_prompt
from extproc.config.prompt_template import CompiledPrompt
from extproc.config.route_conditions import (
    ANY,
    Check,
    CompiledRouteCondition,
    RouteFacts,
    compile_condition,
)
from extproc.config.route_names import NamedRoute, may_request, names_for
from extproc.config.routes import Route
from extproc.domain.rollouts import RolloutShare

NO_ROUTE = ""
"""Name of the route of a configuration without ``routes``."""


@dataclass(frozen=True, slots=True)
class CompiledRoute:
    """Where exchanges that match go.

    Attributes:
        target: the versions to choose from, as of one model; None: the requested model.
        models: models that may be requested, by name, with the route's prompt.
        denies: whether it leads nowhere.
    """

    name: str
    conditions: tuple[CompiledRouteCondition, ...]
    target: CompiledModel | None
    models: Mapping[str, CompiledModel]
    denies: bool = False

    def model_for(self, asked: str | None) -> CompiledModel | None:
        """The model to choose a version of; None if there is no such model, or if it is denied."""
        if self.denies:
            return None
        if self.target is not None:
            return self.target
        if asked is None and len(self.models) == 1:
            return next(iter(self.models.values()))
        return self.models.get(asked or "")


class _Row(NamedTuple):
    """A condition with its route: the checks that are left once the requested model is known."""

    checks: tuple[Check, ...]
    route: CompiledRoute


@dataclass(frozen=True, slots=True)
class CompiledRoutes:
    """All routes of a configuration; the last one matches everything.

    Attributes:
        by_model: the conditions that may match a request for a model, in order; for each name that is known.
        of_others: likewise for any other name.
        reads: the keys of all conditions; other facts are not needed.
    """

    routes: tuple[CompiledRoute, ...]
    by_model: Mapping[str, tuple[_Row, ...]] = field(default_factory=dict)
    of_others: tuple[_Row, ...] = ()
    reads: frozenset[str] = frozenset()

    def first(self, facts: RouteFacts) -> CompiledRoute:
        """The first route that matches an exchange. Raises: TimeMissing."""
        for checks, route in self.by_model.get(facts.model, self.of_others):
            for passes in checks:
                if not passes(facts):
                    break
            else:
                return route
        return self.routes[-1]

    def chosen(self, route: str, name: str) -> CompiledVersion | None:
        """The version MODEL/VERSION as a route chooses it: with the route's prompt, and its fallback if it has one."""
        found = next((one for one in self.routes if one.name == route), None)
        if found is not None and found.target is not None and name in found.target.by_name:
            return found.target.by_name[name]
        version = None if found is None else find_version(found.models, name)
        return None if version is None else version[1]

    def models_of(self, name: str) -> Mapping[str, CompiledModel] | None:
        """All models, with the prompt of a route if it has one; None if there is no such route."""
        return next((route.models for route in self.routes if route.name == name), None)

    @property
    def reads_size(self) -> bool:
        """Whether a condition needs the size of the prompt."""
        return "prompt_tokens_min" in self.reads or "prompt_tokens_max" in self.reads

    def names_for(self, facts: RouteFacts) -> list[str]:
        """The model names that a caller may request, whatever else a request holds."""
        return names_for(map(_named, self.routes), self.routes[-1].models, facts)

    def may_request(self, name: str | None, facts: RouteFacts) -> bool:
        """Whether a caller may request a model, if not with this request."""
        return may_request(name, map(_named, self.routes), self.routes[-1].models, facts)

    @property
    def versions(self) -> Iterator[CompiledVersion]:
        """The versions with prompts of routes, once each: other revisions than those of the models."""
        seen: dict[tuple[str, str], CompiledVersion] = {}
        for route in self.routes:
            for model in (route.target,) if route.target is not None else route.models.values():
                for version in model.versions:
                    seen.setdefault((version.name, version.facts.fingerprint), version)
        return iter(seen.values())


def version_places(models: Mapping[str, CompiledModel], routes: CompiledRoutes) -> dict[VersionPlace, CompiledVersion]:
    """The versions of all models, and those that the prompt of a route makes other ones, by their places."""
    places = {("", version.name): version for model in models.values() for version in model.versions}
    for route in routes.routes:
        for model in (route.target,) if route.target is not None else route.models.values():
            for version in model.versions:
                if version.parts != places["", version.name].parts:
                    places[route.name, version.name] = version
    return places


def implicit_routes(models: Mapping[str, CompiledModel]) -> CompiledRoutes:
    """The one route that sends everything to the requested model."""
    return CompiledRoutes((CompiledRoute(NO_ROUTE, (), None, models),))


def compile_routes(
    document: Document,
    models: Mapping[str, CompiledModel],
    prompts: Mapping[str, str],
    rollouts: Sequence[RolloutShare] = (),
) -> CompiledRoutes:
    """The routes of a validated document, or the one that sends everything to the requested model.

    Args:
        models: of the same document.
        prompts: content of each prompt, by ``Prompt.key``.
        rollouts: with which the models were compiled. In a route's set of versions a rollout applies if both arms are
            in the set, and if the prompt of the route makes them no other revisions.
    """
    if not document.routes:
        return implicit_routes(models)
    routes = tuple(_compiled(route, document, models, prompts, rollouts) for route in document.routes)
    names = {name for route in document.routes for condition in route.when for name in condition.models}
    pairs = [(condition, route) for route in routes for condition in route.conditions]
    return CompiledRoutes(
        routes,
        {name: _rows_of(name, pairs) for name in {*names, *models} if not name.endswith(ANY)},
        tuple(_Row(condition.passes, route) for condition, route in pairs if condition.takes_others),
        frozenset(check.key for condition, _ in pairs for check in condition.checks),
    )


def _rows_of(name: str, pairs: Sequence[tuple[CompiledRouteCondition, CompiledRoute]]) -> tuple[_Row, ...]:
    return tuple(
        _Row(tuple(check.passes for check in condition.checks if check.key != "models"), route)
        for condition, route in pairs
        if condition.takes(name)
    )


def _compiled(
    route: Route,
    document: Document,
    models: Mapping[str, CompiledModel],
    prompts: Mapping[str, str],
    rollouts: Sequence[RolloutShare],
) -> CompiledRoute:
    prompt = None if route.prompt is None else compiled_prompt(route.prompt, prompts)
    if prompt is not None:
        prompted = {name: _prompted(model, document, prompt) for name, model in models.items()}
        models = MappingProxyType({name: with_rollout(model, rollouts) for name, model in prompted.items()})
    conditions = tuple(compile_condition(condition) for condition in route.when)
    target = _target(route, models)
    if target is not None and route.fallback is not None:
        fallbacks = compile_fallbacks(document, models, route.name)
        fallen = [replace(version, fallback=fallbacks.get(version.name)) for version in target.versions]
        target = _with_versions(target, fallen)
    if target is not None:
        target = with_rollout(target, rollouts)
    return CompiledRoute(route.name, conditions, target, models, route.deny)


def _named(route: CompiledRoute) -> NamedRoute:
    return NamedRoute(route.conditions, None if route.target is None else route.target.name, route.denies)


def _prompted(model: CompiledModel, document: Document, prompt: CompiledPrompt) -> CompiledModel:
    """A model whose versions have another prompt, and so are other revisions."""
    sections = document.models[model.name].versions
    versions = []
    for name, section in sections.items():
        fallback = model.by_name[name].fallback
        if fallback is not None:  # the others of its chain get the route's prompt too
            fallback = replace(fallback, prompt_bytes_max=len(prompt.constant_text.encode()))
        compiled = compile_version(model.name, name, section, prompt, model.by_name[name].provider)
        versions.append(replace(compiled, fallback=fallback))
    return _with_versions(model, versions)


def _target(route: Route, models: Mapping[str, CompiledModel]) -> CompiledModel | None:
    if route.model is not None:
        return models[route.model]
    shares = [(share.version, share.weight) for share in route.split]
    if route.version is not None:
        shares = [(route.version, 1)]
    found = [(find_version(models, name), weight) for name, weight in shares]
    pairs = [(pair, weight) for pair, weight in found if pair is not None]
    if not pairs:
        return None
    versions = tuple(replace(version, weight=weight) for (_, version), weight in pairs)
    return _with_versions(pairs[0][0][0], versions)


def _with_versions(model: CompiledModel, versions: Sequence[CompiledVersion]) -> CompiledModel:
    """A model with these versions, which may be of several models: a pin then names MODEL/VERSION. Without rollout."""
    by_name = {version.name: version for version in versions}
    for version in reversed(versions):
        by_name[version.facts.version] = version
    has_provider = any(version.provider is not None for version in versions)
    return replace(model, versions=tuple(versions), by_name=by_name, has_provider=has_provider, rollout=None)
