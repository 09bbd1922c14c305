"""Sums of allocated GPU time in the database, by day of UTC: of each slice only the last revision.

A day is the smallest part that reports have: time that nobody used is divided day by day, so sums of days are those of
weeks and months.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Subquery, Table, and_, func, select

from extproc.allocation.slices import UNKNOWN_PRICE
from extproc.ledger.allocation.reading import Payer
from extproc.ledger.allocation.sample_tables import GPU_SERVERS
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.allocation.share_tables import GPU_DAYS, GPU_SHARES, GPU_SLICES
from extproc.ledger.allocation.slice_rows import UNPAID
from extproc.ledger.schema import ENTRIES
from extproc.reports.query import without_time_limit

DIMENSIONS: Final = (*Payer._fields, "server")
"""By which GPU time can be grouped: allocated time is stored by these."""
GpuGroup = tuple[str, ...]
"""The values of some dimensions."""


class TimeAndCost(NamedTuple):
    """GPU time [us], and its cost [billionths]."""

    time: int
    cost: int


class ServerDay(NamedTuple):
    """A server in a day, at one price: what a bill would have as one charge.

    Attributes:
        day_us: its midnight. kind: of its GPUs.
        price: of one GPU for an hour [billionths of the currency]; -1: not known.
    """

    day_us: int
    server: str
    kind: str
    currency: str
    price: int


class SliceCounts(NamedTuple):
    """Slices; of these, without a price, and with an earlier revision.

    Attributes: unproven: time of servers that no sample proves. [us]
    """

    slices: int
    unpriced: int
    revised: int
    unproven: int


NO_SLICES: Final = SliceCounts(0, 0, 0, 0)


class AllocatedSpan(NamedTuple):
    """Slices of one method that begin between two times. [us since 1970]"""

    method: str
    begin_us: int
    end_us: int


class LastSlices:
    """The last revision of each slice of a span.

    Args: connection: in a transaction that reads: all sums are of one state.
    """

    def __init__(self, connection: Connection, span: AllocatedSpan) -> None:
        self._connection = connection
        self._span = span
        self._last = _last_revisions(span)
        without_time_limit(connection)

    def used(self, by: Sequence[str]) -> dict[ServerDay, dict[GpuGroup, TimeAndCost]]:
        """By exchanges. Args: by: names of ``DIMENSIONS``."""
        shares, key = GPU_SHARES.c, self._key()
        columns = [shares[name] for name in by]
        query = (
            select(*key, func.sum(shares.gpu_us), func.sum(shares.cost), *columns)
            .select_from(self._last)
            .join(GPU_SLICES, _is_last(GPU_SLICES, self._last))
            .join(GPU_SHARES, _is_last(GPU_SHARES, self._last))
            .group_by(*key, *columns)
        )
        found: dict[ServerDay, dict[GpuGroup, TimeAndCost]] = {}
        for row in self._connection.execute(query):
            time, cost, *group = row[len(key) :]
            found.setdefault(ServerDay(*row[: len(key)]), {})[tuple(group)] = TimeAndCost(int(time), int(cost))
        return found

    def unpaid(self) -> dict[ServerDay, dict[str, TimeAndCost]]:
        """By nobody, by state (``UNPAID``)."""
        key = self._key()
        sums = [func.sum(GPU_SLICES.c[name]) for state in UNPAID for name in (state, f"{state}_cost")]
        query = (
            select(*key, *sums)
            .select_from(self._last)
            .join(GPU_SLICES, _is_last(GPU_SLICES, self._last))
            .group_by(*key)
        )
        found = {}
        for row in self._connection.execute(query):
            numbers = [int(one) for one in row[len(key) :]]
            found[ServerDay(*row[: len(key)])] = {
                state: TimeAndCost(*numbers[2 * place : 2 * place + 2]) for place, state in enumerate(UNPAID)
            }
        return found

    def counts(self) -> dict[int, SliceCounts]:
        """By day."""
        slices, day = GPU_SLICES.c, self._last.c.day_us
        query = (
            select(day, slices.price == UNKNOWN_PRICE, slices.revision > 1, func.count(), func.sum(slices.unproven))
            .select_from(self._last)
            .join(GPU_SLICES, _is_last(GPU_SLICES, self._last))
            .group_by(day, slices.price, slices.revision)
        )
        found: dict[int, SliceCounts] = {}
        for day_us, is_unpriced, is_revised, count, unproven in self._connection.execute(query):
            before = found.get(int(day_us), NO_SLICES)
            added = (count, count * bool(is_unpriced), count * bool(is_revised), int(unproven))
            found[int(day_us)] = SliceCounts(*map(sum, zip(before, added, strict=True)))
        return found

    def tokens(self, by: Sequence[str]) -> dict[int, dict[GpuGroup, int]]:
        """Input and output of entries that ran at one of the servers, by the day in which they began."""
        entries = ENTRIES.c
        day = (entries.started_at_us - entries.started_at_us % DAY_US).label("day_us")
        servers = select(self._last.c.server).distinct()
        inner = select(day, entries.prompt_tokens, entries.completion_tokens, *(entries[name] for name in by)).where(
            entries.started_at_us >= self._span.begin_us,
            entries.started_at_us < self._span.end_us,
            entries.server.in_(servers),
        )
        of = inner.subquery()
        columns = [of.c[name] for name in by]
        query = select(of.c.day_us, func.sum(of.c.prompt_tokens + of.c.completion_tokens), *columns)
        found: dict[int, dict[GpuGroup, int]] = {}
        for day_us, tokens, *group in self._connection.execute(query.group_by(of.c.day_us, *columns)):
            found.setdefault(int(day_us), {})[tuple(group)] = int(tokens)
        return found

    def _key(self) -> list[ColumnElement[Any]]:
        """Of a ``ServerDay``."""
        return [self._last.c.day_us, *(GPU_SLICES.c[name] for name in ServerDay._fields[1:])]


def methods_between(connection: Connection, begin_us: int, end_us: int) -> list[str]:
    """By which time was allocated, in the order of their names."""
    days = GPU_DAYS.c
    query = select(days.method).distinct().where(days.begin_us < end_us, days.end_us > begin_us)
    return sorted(connection.execute(query).scalars())


def allocated_days(connection: Connection, span: AllocatedSpan) -> dict[int, bool]:
    """By the midnight of each day of which something was allocated: whether all of it was."""
    return {day_us: time_us == DAY_US for day_us, time_us in allocated_time_us(connection, span).items()}


def allocated_time_us(connection: Connection, span: AllocatedSpan) -> dict[int, int]:
    """By the midnight of each day of which something was allocated: for how long. [us]"""
    days = GPU_DAYS.c
    query = select(days.begin_us, days.end_us).where(
        days.method == span.method, days.begin_us < span.end_us, days.end_us > span.begin_us
    )
    found: dict[int, int] = {}
    for begin_us, end_us in connection.execute(query):
        day_us = begin_us - begin_us % DAY_US
        found[day_us] = max(found.get(day_us, 0), min(end_us, day_us + DAY_US) - begin_us)
    return found


def endpoints_of_servers(connection: Connection) -> Mapping[str, str]:
    """The endpoint of the configuration behind which each server was found last."""
    columns = GPU_SERVERS.c
    rows = connection.execute(select(columns.server, columns.endpoint).order_by(columns.since_us))
    return {one.server: one.endpoint for one in rows}


def _last_revisions(span: AllocatedSpan) -> Subquery:
    columns = GPU_SLICES.c
    names = (columns.server, columns.begin_us, columns.method)
    day = (columns.begin_us - columns.begin_us % DAY_US).label("day_us")
    wanted = and_(columns.method == span.method, columns.begin_us >= span.begin_us, columns.begin_us < span.end_us)
    query = select(*names, day, func.max(columns.revision).label("revision"))
    return query.where(wanted).group_by(*names).subquery()


def _is_last(table: Table, last: Subquery) -> ColumnElement[bool]:
    return and_(*(table.c[name] == last.c[name] for name in ("server", "begin_us", "method", "revision")))
