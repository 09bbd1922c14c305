"""What conditions of policies and of routes have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pydantic import Field

from extproc.config.problems import KeyPath, Places, Problem, did_you_mean, names, shown
from extproc.config.section import Name, Section
from extproc.domain.contract import OTHER_IDENTITY, UNKNOWN_IDENTITY, Endpoint


class CallerCondition(Section):
    """What is known of an exchange from its path and its caller."""

    endpoints: tuple[Endpoint, ...] = Field(default=(), description="APIs; empty: any")
    teams: tuple[Name, ...] = Field(default=(), description="teams; empty: any")


def unknown_name_problem(
    path: KeyPath, noun: str, name: str, known: Collection[str], places: Places, more: str = ""
) -> Iterator[Problem]:
    """The problem of a name that nothing has.

    Args:
        noun: what it should name.
        more: what else would help, if no known name is near.
    """
    if name not in known:
        hint = did_you_mean(name, known) or more or f"Known {noun}s: {names(known)}."
        yield places.problem(path, f"unknown {noun} {shown(name)}", hint=hint)


def unknown_caller_problem(
    path: KeyPath, noun: str, name: str, known: Collection[str], places: Places
) -> Iterator[Problem]:
    """Likewise of a team, a tier or a use case, if those that are known are listed."""
    if known and name not in (UNKNOWN_IDENTITY, OTHER_IDENTITY):
        yield from unknown_name_problem(path, noun, name, known, places)


def known_identity(value: str, known: Collection[str]) -> str:
    """A team, tier or use case as conditions and measurements have it. Args: known: empty: all."""
    if not value:
        return UNKNOWN_IDENTITY
    return value if not known or value in known or value == UNKNOWN_IDENTITY else OTHER_IDENTITY
