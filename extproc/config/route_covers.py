"""Whether one condition of a route takes all that another one would take.

``covers`` is sound, and not complete: where it says yes, no exchange matches the second but not the first. So a check
that builds on it reports no route that could match.
"""

from __future__ import annotations

from collections.abc import Sequence

from extproc.config.route_conditions import ANY, DAYS, days_of, in_window, minutes_of
from extproc.config.routes import PROMPT_TOKENS_MAX, Route, RouteCondition

_SETS = ("endpoints", "teams", "tiers", "tags")
_MINUTES_PER_DAY = 1_440


def covering(earlier: Sequence[Route], route: Route) -> list[int] | None:
    """The numbers of earlier routes that together take all exchanges of a route; None if they do not."""
    found: dict[int, None] = {}
    for condition in route.when:
        number = next((number for number, one in enumerate(earlier) if _any_covers(one, condition)), None)
        if number is None:
            return None
        found[number] = None
    return list(found) or None


def covers(wide: RouteCondition, narrow: RouteCondition) -> bool:
    """Whether every exchange that matches the narrow condition matches the wide one."""
    return (
        _models_cover(wide.models, narrow.models)
        and all(_set_covers(getattr(wide, key), getattr(narrow, key)) for key in _SETS)
        and all(_set_covers(values, narrow.headers.get(header, ())) for header, values in wide.headers.items())
        and (wide.prompt_tokens_min or 0) <= (narrow.prompt_tokens_min or 0)
        and (wide.prompt_tokens_max or PROMPT_TOKENS_MAX + 1) >= (narrow.prompt_tokens_max or PROMPT_TOKENS_MAX + 1)
        and wide.streamed in (None, narrow.streamed)
        and wide.tools in (None, narrow.tools)
        and _times_cover(wide, narrow)
    )


def _any_covers(route: Route, condition: RouteCondition) -> bool:
    return any(covers(one, condition) for one in route.when)


def _set_covers(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    return not wide or (bool(narrow) and set(narrow) <= set(wide))


def _models_cover(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    if not wide or ANY in wide:
        return True
    return bool(narrow) and all(any(_pattern_covers(one, other) for one in wide) for other in narrow)


def _pattern_covers(wide: str, narrow: str) -> bool:
    return wide == narrow or (wide.endswith(ANY) and narrow.removesuffix(ANY).startswith(wide[:-1]))


def _times_cover(wide: RouteCondition, narrow: RouteCondition) -> bool:
    if not wide.days and wide.hours is None:
        return True
    if not narrow.days and narrow.hours is None:
        return len(_minutes(wide)) == len(DAYS) * _MINUTES_PER_DAY
    return wide.timezone == narrow.timezone and _minutes(narrow) <= _minutes(wide)


def _minutes(condition: RouteCondition) -> frozenset[int]:
    """The minutes of a week in its window."""
    days, (begin, end) = days_of(condition), minutes_of(condition.hours or "00:00-24:00")
    return frozenset(
        weekday * _MINUTES_PER_DAY + minute
        for weekday in range(len(DAYS))
        for minute in range(_MINUTES_PER_DAY)
        if in_window(days, begin, end, weekday, minute)
    )
