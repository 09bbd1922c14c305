"""Why an exchange takes its route: what of a condition matched, and what of earlier routes did not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from extproc.config.route_conditions import CompiledRouteCondition, RouteFacts


class RouteVerdict(NamedTuple):
    """A route that was tried. ``reason``: what of the request decided, in words."""

    route: str
    matches: bool
    reason: str


def route_verdicts(
    routes: Sequence[tuple[str, Sequence[CompiledRouteCondition]]], facts: RouteFacts
) -> Iterator[RouteVerdict]:
    """The routes up to the one that is taken. Args: routes: names and conditions. Raises: TimeMissing."""
    for name, conditions in routes:
        if not conditions:
            yield RouteVerdict(name, True, "no condition")
            return
        for condition in conditions:
            if condition.matches(facts):
                yield RouteVerdict(name, True, ", ".join(check.got(facts) for check in condition.checks))
                return
        yield RouteVerdict(name, False, "; ".join(dict.fromkeys(_failing(one, facts) for one in conditions)))


def _failing(condition: CompiledRouteCondition, facts: RouteFacts) -> str:
    return next(check.got(facts) for check in condition.checks if not check.passes(facts))
