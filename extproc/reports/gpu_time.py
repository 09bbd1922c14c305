"""GPU time by team or other names, with what nobody used: sums of what was allocated, the last revision of each slice.

Money of several currencies is never added up.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Subquery, Table, and_, func, select

from extproc.allocation.idle import NOBODY, IdlePolicy, idle_by_team
from extproc.allocation.money import costs_of_total
from extproc.allocation.slices import UNKNOWN_PRICE
from extproc.ledger.allocation.reading import Payer
from extproc.ledger.allocation.share_tables import GPU_SHARES, GPU_SLICES
from extproc.ledger.allocation.slice_rows import UNPAID

DIMENSIONS: Final = (*Payer._fields, "server")
"""By which GPU time can be grouped: allocated time is stored by these."""
IDLE: Final = "idle"
_SEPARATOR: Final = "\0"
"""Of the values of a group, where they are one text; no name has it."""
GpuGroup = tuple[str, ...]
"""The values of the dimensions."""
TimeAndCost = tuple[int, int]
"""GPU time [us], and its cost [billionths]."""
NOBODY_PAYS: Final[GpuGroup] = ("\0",)
_NONE_RESERVED: Final[Mapping[str, Mapping[str, Fraction]]] = MappingProxyType({})


class GpuQuestion(NamedTuple):
    """What is asked for.

    Attributes:
        begin_us, end_us: slices that begin in this time.
        by: names of ``DIMENSIONS``.
        idle: who pays for idle time; ``reserved``: shares of servers, by server and team.
    """

    method: str
    begin_us: int
    end_us: int
    by: tuple[str, ...]
    idle: IdlePolicy = IdlePolicy.OWN_ROW
    reserved: Mapping[str, Mapping[str, Fraction]] = _NONE_RESERVED


class GpuRow(NamedTuple):
    """Attributes:
    group: values of the dimensions.
    currency: of the cost.
    used, idle: GPU time of its exchanges, and of its part in idle time [us].
    used_cost, idle_cost: of these [billionths].
    """

    group: GpuGroup
    currency: str
    used: int
    used_cost: int
    idle: int = 0
    idle_cost: int = 0

    @property
    def time(self) -> int:
        """All that it pays for. [us]"""
        return self.used + self.idle

    @property
    def cost(self) -> int:
        """Of that. [billionths]"""
        return self.used_cost + self.idle_cost


class UnpaidTime(NamedTuple):
    """Time of a state that no group pays. ``time``: [us], ``cost``: [billionths]."""

    state: str
    currency: str
    time: int
    cost: int


class GpuReport(NamedTuple):
    """Rows and what is unpaid add up to the time of all GPUs, and to its cost.

    Attributes:
        rows: those that pay most first.
        slices: that were found. unpriced: of these, without a price. revised: with an earlier revision.
    """

    rows: list[GpuRow]
    unpaid: list[UnpaidTime]
    slices: int
    unpriced: int
    revised: int

    @property
    def time(self) -> int:
        """Of all GPUs. [us]"""
        return sum(one.time for one in self.rows) + sum(one.time for one in self.unpaid)

    @property
    def cost(self) -> int:
        """Of that, if all is of one currency. [billionths]"""
        return sum(one.cost for one in self.rows) + sum(one.cost for one in self.unpaid)


def gpu_report(connection: Connection, asked: GpuQuestion) -> GpuReport:
    """Add up what was allocated. Raises: StoreFailed."""
    last = _last_revisions(asked)
    used = _used(connection, asked, last)
    unpaid = _unpaid(connection, last)
    rows: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for (_, currency), groups in used.items():
        for group, (time, cost) in groups.items():
            _add(rows, (currency, group), 0, time, cost)
    left: dict[tuple[str, str], list[int]] = {}
    for (server, currency), states in unpaid.items():
        for state, (time, cost) in states.items():
            parts = {NOBODY_PAYS: time}
            if state == IDLE:
                parts = _idle_parts(asked, server, time, used.get((server, currency), {}))
            for (group, of_time), of_cost in zip(parts.items(), costs_of_total([*parts.values()], cost), strict=True):
                if group == NOBODY_PAYS:
                    _add(left, (currency, state), 0, of_time, of_cost)
                else:
                    _add(rows, (currency, group), 2, of_time, of_cost)
    found = [GpuRow(group, currency, *values) for (currency, group), values in rows.items()]
    found.sort(key=lambda one: (-one.time, one.group, one.currency))
    nobody = [UnpaidTime(state, currency, *values[:2]) for (currency, state), values in sorted(left.items())]
    slices, unpriced, revised = _counts(connection, last)
    return GpuReport(found, [one for one in nobody if one.time], slices, unpriced, revised)


def _add(sums: dict[tuple[str, Any], list[int]], key: tuple[str, Any], place: int, time: int, cost: int) -> None:
    values = sums.setdefault(key, [0, 0, 0, 0])
    values[place] += time
    values[place + 1] += cost


def _idle_parts(
    asked: GpuQuestion, server: str, idle: int, groups: Mapping[GpuGroup, TimeAndCost]
) -> dict[GpuGroup, int]:
    """By group; ``NOBODY_PAYS`` has the rest."""
    if asked.idle is IdlePolicy.OWN_ROW or not idle:
        return {NOBODY_PAYS: idle}
    by_name = {_SEPARATOR.join(group): group for group in groups}
    used = {name: groups[group][0] for name, group in by_name.items()}
    reserved = asked.reserved.get(server, {})
    parts = idle_by_team(asked.idle, idle, used, reserved)
    return {NOBODY_PAYS if name == NOBODY else by_name.get(name, (name,)): time for name, time in parts.items()}


def _last_revisions(asked: GpuQuestion) -> Subquery:
    columns = GPU_SLICES.c
    query = select(columns.server, columns.begin_us, columns.method, func.max(columns.revision).label("revision"))
    wanted = and_(columns.method == asked.method, columns.begin_us >= asked.begin_us, columns.begin_us < asked.end_us)
    return query.where(wanted).group_by(columns.server, columns.begin_us, columns.method).subquery()


def _is_last(table: Table, last: Subquery) -> ColumnElement[bool]:
    return and_(*(table.c[name] == last.c[name] for name in ("server", "begin_us", "method", "revision")))


def _used(
    connection: Connection, asked: GpuQuestion, last: Subquery
) -> dict[tuple[str, str], dict[GpuGroup, TimeAndCost]]:
    """By server and currency, then by group."""
    shares, slices = GPU_SHARES.c, GPU_SLICES.c
    by = [shares[name] for name in asked.by]
    query = (
        select(shares.server, slices.currency, func.sum(shares.gpu_us), func.sum(shares.cost), *by)
        .select_from(last)
        .join(GPU_SLICES, _is_last(GPU_SLICES, last))
        .join(GPU_SHARES, _is_last(GPU_SHARES, last))
        .group_by(shares.server, slices.currency, *by)
    )
    found: dict[tuple[str, str], dict[GpuGroup, TimeAndCost]] = {}
    for server, currency, time, cost, *group in connection.execute(query):
        found.setdefault((server, currency), {})[tuple(group)] = int(time), int(cost)
    return found


def _unpaid(connection: Connection, last: Subquery) -> dict[tuple[str, str], dict[str, TimeAndCost]]:
    """By server and currency, then by state."""
    slices = GPU_SLICES.c
    sums = [func.sum(slices[name]) for state in UNPAID for name in (state, f"{state}_cost")]
    query = select(slices.server, slices.currency, *sums).select_from(last).join(GPU_SLICES, _is_last(GPU_SLICES, last))
    found = {}
    for server, currency, *values in connection.execute(query.group_by(slices.server, slices.currency)):
        pairs = zip(values[::2], values[1::2], strict=True)
        found[server, currency] = {
            state: (int(time), int(cost)) for state, (time, cost) in zip(UNPAID, pairs, strict=True)
        }
    return found


def _counts(connection: Connection, last: Subquery) -> tuple[int, int, int]:
    """Slices; those without a price; those that were revised."""
    query = select(GPU_SLICES.c.price, GPU_SLICES.c.revision, func.count()).select_from(last)
    rows = connection.execute(
        query.join(GPU_SLICES, _is_last(GPU_SLICES, last)).group_by(GPU_SLICES.c.price, GPU_SLICES.c.revision)
    ).all()
    slices = sum(count for _, _, count in rows)
    unpriced = sum(count for price, _, count in rows if price == UNKNOWN_PRICE)
    return slices, unpriced, sum(count for _, revision, count in rows if revision > 1)
