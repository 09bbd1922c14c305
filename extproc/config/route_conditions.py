"""Compiled conditions of routes: what is compared is prepared when the configuration is compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final, NamedTuple, get_args
from zoneinfo import ZoneInfo

from extproc.config.problems import names, shown
from extproc.config.routes import Day, RouteCondition

DAYS: Final = get_args(Day)
ANY: Final = "*"
_OF_CALLER: Final = frozenset({"teams", "tiers", "tags", "headers"})
_MINUTES_PER_HOUR: Final = 60


class RouteFacts(NamedTuple):
    """What conditions look at.

    Attributes:
        model: as requested; empty if the request names none.
        prompt_tokens: estimated, the same at each version; 0 where no condition asks for it.
        utc_s: when the exchange began, since 1970; None: not known. [s]
        exhausted: the budgets with `on_exhausted: downgrade` of which the caller has nothing left.
    """

    model: str
    endpoint: str
    team: str
    tier: str
    tag: str
    headers: Mapping[str, str]
    prompt_tokens: int = 0
    streamed: bool = False
    tools: bool = False
    utc_s: float | None = None
    exhausted: frozenset[str] = frozenset()


class TimeMissing(Exception):
    """A condition depends on a time that is not known."""


Check = Callable[[RouteFacts], bool]


class RouteCheck(NamedTuple):
    """One key of a condition. ``passes`` is what costs time in the path; ``got`` is what it looked at, in words."""

    key: str
    passes: Check
    got: Callable[[RouteFacts], str]


@dataclass(frozen=True, slots=True)
class CompiledRouteCondition:
    """A condition: its checks, the cheap and telling ones first.

    Attributes:
        of_caller: those that a caller's headers decide.
        is_of_caller: with those and ``models``, nothing else is compared.
    """

    section: RouteCondition
    checks: tuple[RouteCheck, ...]
    passes: tuple[Check, ...]
    of_caller: tuple[Check, ...]
    is_of_caller: bool

    @property
    def takes_others(self) -> bool:
        """Whether it may match names of models that it does not list."""
        return not self.section.models or any(pattern.endswith(ANY) for pattern in self.section.models)

    def takes(self, name: str) -> bool:
        """Whether it may match a request for a model."""
        return not self.section.models or model_test(self.section.models)(name)

    def matches(self, facts: RouteFacts) -> bool:
        """Whether an exchange matches. Raises: TimeMissing."""
        return all(passes(facts) for passes in self.passes)


def compile_condition(section: RouteCondition) -> CompiledRouteCondition:
    """Compile a valid condition. Raises: as ``zone_of``."""
    checks = tuple(_checks(section))
    return CompiledRouteCondition(
        section,
        checks,
        tuple(check.passes for check in checks),
        tuple(check.passes for check in checks if check.key in _OF_CALLER),
        all(check.key in _OF_CALLER or check.key == "models" for check in checks),
    )


def zone_of(name: str) -> tzinfo:
    """A time zone. Raises: KeyError or ValueError for one that this machine does not know."""
    return UTC if name == "UTC" else ZoneInfo(name)


def model_test(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a name is one of those, or begins like one with ``*``."""
    exact = frozenset(pattern for pattern in patterns if not pattern.endswith(ANY))
    beginnings = tuple(pattern[:-1] for pattern in patterns if pattern.endswith(ANY))
    return lambda name: name in exact or name.startswith(beginnings)


def _checks(section: RouteCondition) -> Iterator[RouteCheck]:
    if section.models:
        fits = model_test(section.models)
        yield RouteCheck("models", lambda facts: fits(facts.model), _model)
    if teams := frozenset(section.teams):
        yield RouteCheck("teams", lambda facts: facts.team in teams, lambda facts: f"team {shown(facts.team)}")
    if tiers := frozenset(section.tiers):
        yield RouteCheck("tiers", lambda facts: facts.tier in tiers, lambda facts: f"tier {shown(facts.tier)}")
    if tags := frozenset(section.tags):
        yield RouteCheck("tags", lambda facts: facts.tag in tags, lambda facts: f"use case {shown(facts.tag)}")
    if endpoints := frozenset(section.endpoints):
        yield RouteCheck("endpoints", lambda facts: facts.endpoint in endpoints, lambda facts: facts.endpoint)
    if (streamed := section.streamed) is not None:
        yield RouteCheck("streamed", lambda facts: facts.streamed is streamed, _streamed)
    if (tools := section.tools) is not None:
        yield RouteCheck("tools", lambda facts: facts.tools is tools, _tools)
    for header, values in section.headers.items():
        yield _header_check(header, frozenset(values))
    if (least := section.prompt_tokens_min) is not None:
        yield RouteCheck("prompt_tokens_min", lambda facts: facts.prompt_tokens >= least, _prompt_tokens)
    if (most := section.prompt_tokens_max) is not None:
        yield RouteCheck("prompt_tokens_max", lambda facts: facts.prompt_tokens <= most, _prompt_tokens)
    if budgets := frozenset(section.budget_exhausted):
        yield _budget_check(budgets)
    if section.days or section.hours is not None:
        yield _time_check(section)


def _model(facts: RouteFacts) -> str:
    return f"model {shown(facts.model)}" if facts.model else "no model"


def _streamed(facts: RouteFacts) -> str:
    return "streamed" if facts.streamed else "not streamed"


def _tools(facts: RouteFacts) -> str:
    return "tools" if facts.tools else "no tools"


def _prompt_tokens(facts: RouteFacts) -> str:
    return f"about {facts.prompt_tokens} prompt {'token' if facts.prompt_tokens == 1 else 'tokens'}"


def _header_check(header: str, values: frozenset[str]) -> RouteCheck:
    name = shown(header)

    def got(facts: RouteFacts) -> str:
        """What a client writes into a header may be anything, so it is not told."""
        value = facts.headers.get(header)
        return f"no {name}" if value is None else f"{'a listed' if value in values else 'another'} {name}"

    return RouteCheck("headers", lambda facts: facts.headers.get(header) in values, got)


def _budget_check(budgets: frozenset[str]) -> RouteCheck:
    def got(facts: RouteFacts) -> str:
        exhausted = budgets & facts.exhausted
        return f"budget {names(sorted(exhausted or budgets))} {'exhausted' if exhausted else 'not exhausted'}"

    return RouteCheck("budget_exhausted", lambda facts: not budgets.isdisjoint(facts.exhausted), got)


# --- times ---------------------------------------------------------------------------------------------------------


def minutes_of(hours: str) -> tuple[int, int]:
    """Begin and end of ``HH:MM-HH:MM`` as minutes of the day."""
    begin, end = ((int(text[:2]), int(text[3:])) for text in hours.split("-"))
    return begin[0] * _MINUTES_PER_HOUR + begin[1], end[0] * _MINUTES_PER_HOUR + end[1]


def in_window(days: frozenset[int], begin: int, end: int, weekday: int, minute: int) -> bool:
    """Whether a minute of a weekday (0: Monday) is in a window, which may pass midnight."""
    if begin < end:
        return begin <= minute < end and weekday in days
    if minute < end:
        weekday = (weekday - 1) % len(DAYS)
        return weekday in days
    return minute >= begin and weekday in days


def weekdays_of(days: Sequence[Day]) -> frozenset[int]:
    """The weekdays by number, all of them if none is named; 0 is Monday."""
    return frozenset(DAYS.index(day) for day in days or DAYS)


def _time_check(section: RouteCondition) -> RouteCheck:
    begin, end = minutes_of(section.hours or "00:00-24:00")
    days, zone = weekdays_of(section.days), zone_of(section.timezone)

    def local(facts: RouteFacts) -> datetime:
        if facts.utc_s is None:
            raise TimeMissing
        return datetime.fromtimestamp(facts.utc_s, zone)

    def passes(facts: RouteFacts) -> bool:
        at = local(facts)
        return in_window(days, begin, end, at.weekday(), at.hour * _MINUTES_PER_HOUR + at.minute)

    def got(facts: RouteFacts) -> str:
        at = local(facts)
        return f"{DAYS[at.weekday()]} {at:%H:%M} {section.timezone}"

    return RouteCheck("days" if section.hours is None else "hours", passes, got)
