"""Whether conditions of routes take all that another one would take.

This is sound, and not complete: where it says yes, no exchange matches the other condition but none of these. So a
check that builds on it reports no route that could match. Several conditions are added up over one key: they take all
together if each takes all by its other keys, and one or another takes each value of that key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import chain, islice
from typing import Final, get_args

from extproc.config.route_conditions import ANY, DAYS, in_window, minutes_of, weekdays_of
from extproc.config.routes import PROMPT_TOKENS_MAX, Day, Route, RouteCondition
from extproc.domain.contract import Endpoint

_MINUTES_PER_DAY: Final = 1_440

_KeyCovers = Callable[[Sequence[RouteCondition], RouteCondition], bool]
"""Whether one key of some conditions takes each value that it may have in another one."""


def covering(earlier: Sequence[Route], route: Route) -> list[int] | None:
    """The numbers of earlier routes that together take all exchanges of a route; None if they do not."""
    wides = [(number, condition) for number, one in enumerate(earlier) for condition in one.when]
    found: set[int] = set()
    for narrow in route.when:
        together = _together([condition for _, condition in wides], narrow)
        if together is None:
            return None
        found.update(wides[index][0] for index in together)
    return sorted(found) or None


def covers(wide: RouteCondition, narrow: RouteCondition) -> bool:
    """Whether every exchange that matches the narrow condition matches the wide one."""
    return all(key([wide], narrow) for key in _keys([wide]))


def _together(wides: Sequence[RouteCondition], narrow: RouteCondition) -> list[int] | None:
    """The numbers of conditions that take all of another one: one alone, else several that differ in one key."""
    keys = list(_keys(wides))
    open_keys = [[*islice((key for key in keys if not key([wide], narrow)), 2)] for wide in wides]
    if [] in open_keys:
        return [open_keys.index([])]
    for key in keys:
        near = [index for index, left in enumerate(open_keys) if left == [key]]
        if near and key([wides[index] for index in near], narrow):
            for index in tuple(near):
                rest = [other for other in near if other != index]
                near = rest if key([wides[other] for other in rest], narrow) else near
            return near
    return None


def _keys(wides: Iterable[RouteCondition]) -> Iterator[_KeyCovers]:
    """All keys; each header is one."""
    yield _models_cover
    yield partial(_values_cover, lambda one: one.endpoints, get_args(Endpoint))
    yield partial(_values_cover, lambda one: one.teams, ())
    yield partial(_values_cover, lambda one: one.tiers, ())
    yield partial(_values_cover, lambda one: one.tags, ())
    for header in dict.fromkeys(name for one in wides for name in one.headers):
        yield partial(_values_cover, partial(_header_values, header), ())
    yield _tokens_cover
    yield partial(_values_cover, lambda one: _flag(one.streamed), (True, False))
    yield partial(_values_cover, lambda one: _flag(one.tools), (True, False))
    yield partial(_values_cover, lambda one: one.budget_exhausted, ())
    yield _times_cover


def _values_cover(
    values: Callable[[RouteCondition], tuple[object, ...]],
    every: tuple[object, ...],
    wides: Sequence[RouteCondition],
    narrow: RouteCondition,
) -> bool:
    """Args: values: of a condition, empty: any. every: all that there are; empty: there is no end of them."""
    listed = [values(one) for one in wides]
    wanted = values(narrow) or every
    return () in listed or (bool(wanted) and set(wanted).issubset(chain.from_iterable(listed)))


def _header_values(header: str, condition: RouteCondition) -> tuple[str, ...]:
    return condition.headers.get(header, ())


def _flag(value: bool | None) -> tuple[bool, ...]:
    return () if value is None else (value,)


def _models_cover(wides: Sequence[RouteCondition], narrow: RouteCondition) -> bool:
    patterns = {pattern for one in wides for pattern in one.models or (ANY,)}
    return all(any(_pattern_covers(one, other) for one in patterns) for other in narrow.models or (ANY,))


def _pattern_covers(wide: str, narrow: str) -> bool:
    return wide == narrow or (wide.endswith(ANY) and narrow.removesuffix(ANY).startswith(wide[:-1]))


def _tokens_cover(wides: Sequence[RouteCondition], narrow: RouteCondition) -> bool:
    """Ranges of whole numbers that add up, from below."""
    least, most = _token_range(narrow)
    for start, end in sorted(map(_token_range, wides)):
        if start <= least <= end:
            least = end + 1
    return least > most


def _token_range(condition: RouteCondition) -> tuple[int, int]:
    return condition.prompt_tokens_min or 0, condition.prompt_tokens_max or PROMPT_TOKENS_MAX + 1


def _times_cover(wides: Sequence[RouteCondition], narrow: RouteCondition) -> bool:
    """The minutes of a week, if the windows that are added up are of one time zone."""
    by_zone: dict[str, int] = {}
    for one in wides:
        by_zone[one.timezone] = by_zone.get(one.timezone, 0) | _minutes(one.days, one.hours)
    every, wanted = _minutes((), None), _minutes(narrow.days, narrow.hours)
    return every in by_zone.values() or wanted & ~by_zone.get(narrow.timezone, 0) == 0


@lru_cache(maxsize=128)
def _minutes(days: tuple[Day, ...], hours: str | None) -> int:
    """The minutes of a week in a window, a bit for each."""
    weekdays, (begin, end) = weekdays_of(days), minutes_of(hours or "00:00-24:00")
    bits = (
        in_window(weekdays, begin, end, weekday, minute)
        for weekday in range(len(DAYS))
        for minute in range(_MINUTES_PER_DAY)
    )
    return int("".join(str(int(bit)) for bit in bits), 2)
