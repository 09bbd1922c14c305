"""Holds what others counted against the ledger: each difference, what explains it, and what nothing explains.

An explanation is a number that is known: tokens that the processor estimated, or those of exchanges that were broken
off. It explains at most as much as it is. What is left is `unexplained`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, Connection, Integer, and_, func, literal_column, select

from extproc.ledger.entry import EntryOutcome, TokenSource
from extproc.ledger.schema import ENTRIES
from extproc.reports.claims import UsageClaim, undated
from extproc.reports.dimensions import Dimension
from extproc.reports.query import condition_of, without_time_limit

_E = ENTRIES.c
_BORDER_US: Final = 86_400_000_000  # longer than any exchange
_COLUMNS: Final[Mapping[str, ColumnElement[int]]] = {
    "requests": literal_column("1", Integer),
    "input_tokens": _E.prompt_tokens,
    "cached_tokens": _E.cached_tokens,
    "output_tokens": _E.completion_tokens,
    "cost_micro_usd": _E.cost_micro_usd,
}
_SOURCES: Final = {
    "input_tokens": _E.prompt_tokens_source,
    "cached_tokens": _E.cached_tokens_source,
    "output_tokens": _E.completion_tokens_source,
    "cost_micro_usd": _E.completion_tokens_source,
}
_UNFINISHED: Final = (
    EntryOutcome.ABORTED,
    EntryOutcome.UPSTREAM_DIED,
    EntryOutcome.UPSTREAM_ERROR,
    EntryOutcome.FAILED,
    EntryOutcome.PROCESSOR_DIED,
)
Served = Mapping[tuple[str, str], str]
"""The name by which a model server is asked for a version, by model and version."""


class DifferenceCause(StrEnum):
    """What a difference may come from."""

    CHOICES = "choices"  # a server that counts the prompt once for each choice
    BORDERS = "borders"  # exchanges that began before the time and ended in it, or began in it and ended after it
    ESTIMATED = "estimated"  # tokens that the processor estimated
    UNFINISHED = "unfinished"  # exchanges that were broken off, or that failed
    ROUNDING = "rounding"  # of each exchange to whole micro-USD
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class FigureDifference:
    """Of a measure. ``parts`` add up to ``theirs`` minus ``ours``; the last one is what nothing explains, if any."""

    start_us: int
    end_us: int
    model: str
    measure: str
    theirs: int
    ours: int
    parts: Sequence[tuple[DifferenceCause, int]]

    @property
    def unexplained(self) -> int:
        """What nothing explains."""
        return sum(amount for cause, amount in self.parts if cause is DifferenceCause.UNEXPLAINED)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """``compared``: how many figures; ``differences``: those that are not the same."""

    compared: int
    differences: Sequence[FigureDifference]


def reconciled(
    connection: Connection, claims: Sequence[UsageClaim], served: Served, only: Sequence[tuple[Dimension, str]]
) -> Reconciled:
    """Compare each figure of the claims with the ledger, and name models that only the ledger has."""
    without_time_limit(connection)
    compared, found = 0, []
    for start_us, end_us in sorted({(one.start_us, one.end_us) for one in claims}):
        of_time = [one for one in claims if (one.start_us, one.end_us) == (start_us, end_us)]
        models = _Ledger(connection, start_us, end_us, served, only)
        measures = {measure for one in of_time for measure in one.counts}
        claimed = {name for one in of_time for name in (one.model, undated(one.model))}
        if "" not in claimed:
            absent = [name for name in models.names() if name not in claimed]
            of_time += [UsageClaim(start_us, end_us, name, dict.fromkeys(measures, 0)) for name in absent]
        for one in of_time:
            for measure, theirs in sorted(one.counts.items()):
                compared += 1
                ours = models.count(one.model, measure)
                if theirs != ours:
                    parts = _parts(theirs - ours, models.causes(one.model, measure))
                    found.append(FigureDifference(start_us, end_us, one.model, measure, theirs, ours, parts))
    return Reconciled(compared, found)


def _parts(difference: int, causes: Sequence[tuple[DifferenceCause, int]]) -> list[tuple[DifferenceCause, int]]:
    """Args: causes: each with the most that it explains, the surest first."""
    left, found = difference, []
    for cause, most in causes:
        amount = max(-most, min(most, left)) if cause is not DifferenceCause.CHOICES else max(0, min(most, left))
        if amount:
            found.append((cause, amount))
            left -= amount
    return [*found, (DifferenceCause.UNEXPLAINED, left)] if left else found


class _Ledger:
    """The sums of a time, by the name by which a model server is asked."""

    def __init__(
        self, connection: Connection, start_us: int, end_us: int, served: Served, only: Sequence[tuple[Dimension, str]]
    ) -> None:
        self._connection = connection
        self._start_us, self._end_us = start_us, end_us
        self._served = served
        self._reached = and_(_E.outcome != EntryOutcome.REFUSED.value, *condition_of(only))
        self._within = and_(self._reached, _E.started_at_us >= start_us, _E.started_at_us < end_us)
        sums_of = self._sums(self._within, *_COLUMNS.values())
        self._counts = {name: dict(zip(_COLUMNS, sums, strict=True)) for name, sums in sums_of.items()}

    def names(self) -> list[str]:
        """Of what was used."""
        return sorted(self._counts)

    def count(self, model: str, measure: str) -> int:
        """The ledger's figure; ``model``: empty: of all."""
        return sum(one[measure] for name, one in self._counts.items() if _matches(model, name))

    def causes(self, model: str, measure: str) -> list[tuple[DifferenceCause, int]]:
        """What may explain a difference, and how much of it at most."""
        column = _COLUMNS[measure]
        crossing = [
            and_(
                self._reached,
                _E.started_at_us >= border - _BORDER_US,
                _E.started_at_us < border,
                _E.ended_at_us >= border,
            )
            for border in (self._start_us, self._end_us)
        ]
        found = []
        if measure in ("input_tokens", "cached_tokens"):
            repeated = and_(self._within, _E.choices > 1)
            found.append((DifferenceCause.CHOICES, self._most(model, repeated, column * (_E.choices - 1))))
        found.append((DifferenceCause.BORDERS, sum(self._most(model, one, column) for one in crossing)))
        if measure in _SOURCES:
            estimated = and_(self._within, _SOURCES[measure] == TokenSource.ESTIMATED.value)
            found.append((DifferenceCause.ESTIMATED, self._most(model, estimated, column)))
        unfinished = and_(self._within, _E.outcome.in_([one.value for one in _UNFINISHED]))
        if measure in _SOURCES:  # what was estimated is explained already
            unfinished = and_(unfinished, _SOURCES[measure].is_distinct_from(TokenSource.ESTIMATED.value))
        found.append((DifferenceCause.UNFINISHED, self._most(model, unfinished, column)))
        if measure == "cost_micro_usd":
            found.append((DifferenceCause.ROUNDING, (self.count(model, "requests") + 1) // 2))
        return found

    def _most(self, model: str, condition: ColumnElement[bool], column: ColumnElement[int]) -> int:
        return sum(sums[0] for name, sums in self._sums(condition, column).items() if _matches(model, name))

    def _sums(self, condition: ColumnElement[bool], *columns: ColumnElement[int]) -> dict[str, list[int]]:
        """By the name by which a model server is asked."""
        query = select(_E.model, _E.version, *map(func.sum, columns)).where(condition).group_by(_E.model, _E.version)
        found: dict[str, list[int]] = {}
        for model, version, *sums in self._connection.execute(query):
            name = self._served.get((model, version), model)
            before = found.get(name, [0] * len(sums))
            found[name] = [one + int(other or 0) for one, other in zip(before, sums, strict=True)]
        return found


def _matches(model: str, name: str) -> bool:
    return not model or name in (model, undated(model))
