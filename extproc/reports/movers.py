"""The groups that changed most between two periods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from extproc.reports.periods import Period

MOVERS_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Mover:
    """A group that changed much. ``before``, ``after``: of what is measured."""

    group: tuple[str, ...]
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Movers:
    """The groups that changed most, the largest change first, and between which two periods."""

    before: Period
    period: Period
    groups: Sequence[Mover]


def largest_changes(groups: Iterable[Mover]) -> list[Mover]:
    """Of those that changed."""
    moved = sorted(groups, key=lambda one: (-abs(one.after - one.before), one.group))
    return [one for one in moved if one.after != one.before][:MOVERS_MAX]
