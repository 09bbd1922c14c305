"""Sums of the ledger, by period and group: the database adds up, and never hands out an entry.

It is asked for a day at a time: entries of a day are close together, and sorting them for a grouping takes half as long
as sorting all. Durations leave SQLite as a list of numbers for each group, PostgreSQL as counts in buckets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
)

from extproc.ledger.entry import EntryOutcome, TokenSource
from extproc.ledger.schema import ENTRIES
from extproc.reports.dimensions import Dimension
from extproc.reports.latencies import BUCKETS_PER_E, DurationTable
from extproc.reports.periods import Period
from extproc.reports.usage import GroupUsage

Group = tuple[str, ...]
"""The values of the dimensions."""

_DAY_US: Final = 86_400_000_000
_E = ENTRIES.c
_ANSWERED: Final = (EntryOutcome.COMPLETED, EntryOutcome.CUT)
_SUMS: Final[Mapping[str, ColumnElement[int]]] = {
    "exchanges": func.count(),
    "estimated": func.sum(
        case(
            (
                or_(
                    _E.prompt_tokens_source == TokenSource.ESTIMATED.value,
                    _E.completion_tokens_source == TokenSource.ESTIMATED.value,
                ),
                1,
            ),
            else_=0,
        )
    ),
    "prompt_tokens": func.sum(_E.prompt_tokens),
    "cached_tokens": func.sum(_E.cached_tokens),
    "completion_tokens": func.sum(_E.completion_tokens),
    "reasoning_tokens": func.sum(_E.reasoning_tokens),
    "cost_micro_usd": func.sum(_E.cost_micro_usd),
    "refusals": func.sum(_E.refusals),
    "findings": func.sum(_E.finding_count),
}
_DURATIONS: Final[Mapping[str, ColumnElement[int]]] = {
    "durations": _E.ended_at_us - _E.started_at_us,
    "first_tokens": _E.first_token_at_us - _E.started_at_us,  # NULL, where there was none
}


@dataclass(slots=True)
class PeriodUsages:
    """What was used in a period, by the number of the group."""

    sums: dict[int, GroupUsage] = field(default_factory=dict)
    durations: DurationTable = field(default_factory=DurationTable)
    first_tokens: DurationTable = field(default_factory=DurationTable)


class LedgerQuery:
    """One grouping of the entries of any periods. ``groups``: the number of each group that was seen.

    Args:
        connection: in a transaction that reads: all periods are of one state of the ledger.
        only: the values that entries must have; of a version also without its model.
    """

    def __init__(
        self,
        connection: Connection,
        dimensions: Sequence[Dimension] = (),
        only: Sequence[tuple[Dimension, str]] = (),
    ) -> None:
        self.groups: dict[Group, int] = {}
        self._connection = connection
        self._dimensions = dimensions
        names = list(dict.fromkeys(name for one in dimensions for name in one.columns))
        self._places = {name: place for place, name in enumerate(names, start=1)}
        self._columns: list[ColumnElement[Any]] = [_E.outcome, *(_E[name] for name in names)]
        self._wanted = and_(
            _E.started_at_us >= bindparam("start"), _E.started_at_us < bindparam("end"), *condition_of(only)
        )
        self._is_sqlite = connection.dialect.name == "sqlite"
        self._query = self._sums()
        without_time_limit(connection)

    def usages(self, period: Period) -> PeriodUsages:
        """What each group used in a period; a group without entries is not there."""
        found = PeriodUsages()
        counted: dict[str, list[DurationTable]] = {name: [] for name in _DURATIONS}
        for start_us, end_us in _days(period):
            bounds = {"start": start_us, "end": end_us}
            rows = self._connection.execute(self._query, bounds).all()
            groups = [self._number_of(row) for row in rows]
            for row, group in zip(rows, groups, strict=True):
                found.sums.setdefault(group, GroupUsage()).add(self._usage_of(row))
            for place, name in enumerate(_DURATIONS, start=len(_SUMS) + len(self._columns)):
                if self._is_sqlite:
                    lists = [row[place] if _has(row[0], name) else None for row in rows]
                    counted[name].append(DurationTable.of_durations(groups, lists))
                else:
                    counted[name].append(self._counted_by_database(name, bounds))
        found.durations, found.first_tokens = (DurationTable.sum_of(tables) for tables in counted.values())
        return found

    def _sums(self) -> Select[Any]:
        sums: list[ColumnElement[Any]] = list(_SUMS.values())
        if self._is_sqlite:
            sums += [func.group_concat(one) for one in _DURATIONS.values()]
        return select(*self._columns, *sums).where(self._wanted).group_by(*self._columns)

    def _usage_of(self, row: Sequence[Any]) -> GroupUsage:
        counts = {name: int(value) for name, value in zip(_SUMS, row[len(self._columns) :], strict=False)}
        if row[0] == EntryOutcome.REFUSED:
            counts["refused"], counts["exchanges"] = counts["exchanges"], 0
        elif row[0] not in _ANSWERED:
            counts["failed"] = counts["exchanges"]
        return GroupUsage(**counts)

    def _number_of(self, row: Sequence[Any]) -> int:
        values = [[row[self._places[name]] for name in one.columns] for one in self._dimensions]
        group = tuple([one.value_of(of_one) for one, of_one in zip(self._dimensions, values, strict=True)])
        return self.groups.setdefault(group, len(self.groups))

    def _counted_by_database(self, name: str, bounds: Mapping[str, int]) -> DurationTable:
        duration = _DURATIONS[name]
        bucket = cast(func.floor(func.ln(cast(func.greatest(duration, 1), Float(53))) * BUCKETS_PER_E), Integer)
        query = select(*self._columns, bucket, func.count()).where(self._wanted, duration.is_not(None))
        rows = self._connection.execute(query.group_by(*self._columns, bucket), bounds)
        return DurationTable.of_counts((self._number_of(row), row[-2], row[-1]) for row in rows if _has(row[0], name))


def without_time_limit(connection: Connection) -> None:
    """Let the statements of a transaction take their time: the limit of the store is for single entries."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")


def condition_of(only: Sequence[tuple[Dimension, str]]) -> list[ColumnElement[bool]]:
    """That entries have some values; of a version also without its model."""
    conditions = []
    for dimension, value in only:
        values = value.rsplit("/", len(dimension.columns) - 1)
        columns = [cast(_E[name], Text) for name in dimension.columns[-len(values) :]]
        conditions += [column == one for column, one in zip(columns, values, strict=True)]
    return conditions


def _days(period: Period) -> Iterator[tuple[int, int]]:
    for start_us in range(period.start_us, period.end_us, _DAY_US):
        yield start_us, min(start_us + _DAY_US, period.end_us)


def _has(outcome: str, name: str) -> bool:
    """Whether exchanges with an outcome have a duration that counts: that of one that was broken off says nothing."""
    return outcome in _ANSWERED if name == "durations" else outcome != EntryOutcome.REFUSED
