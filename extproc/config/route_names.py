"""Which model names a caller may request, whatever else its requests hold."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from extproc.config.route_conditions import ANY, CompiledRouteCondition, RouteFacts, model_test


class NamedRoute(NamedTuple):
    """A route as names see it. ``target``: the model to which it leads; None: the requested one."""

    conditions: Sequence[CompiledRouteCondition]
    target: str | None = None
    denies: bool = False

    def serves(self, name: str, models: Collection[str]) -> bool:
        """Whether it has a model for a name."""
        return not self.denies and (self.target is not None or name in models)


class _Reach(NamedTuple):
    """What a route means for a caller: which names it takes, and whether nothing else decides that."""

    takes: Callable[[str], bool]
    is_certain: bool


def names_for(routes: Iterable[NamedRoute], models: Collection[str], facts: RouteFacts) -> list[str]:
    """Those that conditions name, and the models that may be requested as such, without those that are denied.

    Conditions count if the caller's identity and headers fulfill them.
    """
    reached = _reached(routes, facts)
    telling = [route for route, reaches in reached if reaches and not route.denies]
    found = dict.fromkeys(name for route in telling for name in _names_of(route, models, facts))
    return [name for name in found if _is_served(name, reached, models)]


def may_request(name: str | None, routes: Iterable[NamedRoute], models: Collection[str], facts: RouteFacts) -> bool:
    """Whether a caller may request a model with some request, also by a name that no list can have."""
    meant = asked_name(name, models)
    return meant is not None and _is_served(meant, _reached(routes, facts), models)


def asked_name(asked: str | None, models: Collection[str]) -> str | None:
    """The model that a request means: of one that names none, the only one."""
    return next(iter(models)) if asked is None and len(models) == 1 else asked


def _reached(routes: Iterable[NamedRoute], facts: RouteFacts) -> list[tuple[NamedRoute, list[_Reach]]]:
    return [(route, list(_reaches(route, facts))) for route in routes]


def _reaches(route: NamedRoute, facts: RouteFacts) -> Iterator[_Reach]:
    """What of a route is in reach of a caller: one for each condition that identity and headers fulfill."""
    if not route.conditions:
        yield _Reach(lambda _: True, is_certain=True)
    for condition in route.conditions:
        if all(passes(facts) for passes in condition.of_caller):
            yield _Reach(condition.takes, condition.is_of_caller)


def _names_of(route: NamedRoute, models: Collection[str], facts: RouteFacts) -> Iterator[str]:
    """Names that a route stands for: those that it lists, else its model, or those of all models that it takes."""
    sections = [one.section for one in route.conditions if all(passes(facts) for passes in one.of_caller)]
    for patterns in [one.models for one in sections] or [()]:
        yield from (pattern for pattern in patterns if not pattern.endswith(ANY))
        if not patterns or any(pattern.endswith(ANY) for pattern in patterns):
            fits = model_test(patterns) if patterns else lambda _: True
            known = models if route.target is None else (route.target,)
            yield from (name for name in known if fits(name))


def _is_served(name: str, reached: Iterable[tuple[NamedRoute, Sequence[_Reach]]], models: Collection[str]) -> bool:
    """Whether a request for a name may end at a route that has a model for it."""
    for route, reaches in reached:
        taking = [reach for reach in reaches if reach.takes(name)]
        if taking and route.serves(name, models):
            return True
        if any(reach.is_certain for reach in taking):
            return False
    return False
