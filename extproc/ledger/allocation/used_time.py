"""What was used of GPUs in the period of a budget: the time that was allocated to exchanges, by who pays.

Idle time is not in it, also where teams pay for it: who is blocked would leave its part to others, who would then be
blocked sooner.

A month of 50 servers has 700,000 shares, and budgets are looked at each second. So sums of days are kept, and a day is
added up again when it has other slices than before: their rows are only added, so their number tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Connection, and_, cast, func, select

from extproc.domain.budget_periods import BudgetPeriod
from extproc.domain.budgets import BudgetScope
from extproc.ledger.allocation.settled import DAY_US, overdue_us, settles_from_us
from extproc.ledger.allocation.share_tables import GPU_DAYS, GPU_SHARES, GPU_SLICES

DAYS_MAX: Final = 4_096
"""Of which sums are kept; beyond it, those are forgotten that were not asked for the longest."""
_US_PER_S: Final = 1_000_000


class _DaySums(NamedTuple):
    """Attributes: slices: rows of ``gpu_slices`` then. used: by key. [us]"""

    slices: int
    used: Mapping[str, int]


class UsedGpuTime:
    """Sums of one store, by the method that settles by itself."""

    def __init__(self) -> None:
        self._days: dict[tuple[BudgetScope, BudgetPeriod], _DaySums] = {}

    def seconds(self, connection: Connection, per: BudgetScope, period: BudgetPeriod) -> dict[str, int]:
        """By each team, project or budget code, in slices that begin in a period. [s, rounded down]"""
        method = settling_method()
        total: dict[str, int] = {}
        for day, slices in _slices_by_day(connection, method, period).items():
            known = self._days.pop((per, day), None)
            if known is None or known.slices != slices:
                known = _DaySums(slices, _used(connection, method, per, day))
            self._days[per, day] = known
            for key, used in known.used.items():
                total[key] = total.get(key, 0) + used
        while len(self._days) > DAYS_MAX:
            del self._days[next(iter(self._days))]
        return {key: used // _US_PER_S for key, used in total.items()}


def allocated_until_us(connection: Connection, now_us: int) -> int | None:
    """Up to when the time that settles by itself is allocated, without a gap. None: none of it is. [us since 1970]"""
    days = GPU_DAYS.c
    yesterday_us = settles_from_us(now_us)
    query = select(days.begin_us, days.end_us).where(days.method == settling_method(), days.begin_us >= yesterday_us)
    ends = {one.begin_us: one.end_us for one in connection.execute(query)}
    until_us: int | None = ends.get(yesterday_us)
    if until_us == yesterday_us + DAY_US:
        until_us = ends.get(until_us, until_us)
    return until_us


def late_us(connection: Connection, now_us: int) -> int | None:
    """As in ``BudgetSums``."""
    until_us = allocated_until_us(connection, now_us)
    return None if until_us is None else overdue_us(until_us, now_us)


def settling_method() -> str:
    """By which time is allocated by itself."""
    from extproc.allocation.methods import DEFAULT_METHOD  # with numpy

    return DEFAULT_METHOD


def _slices_by_day(connection: Connection, method: str, period: BudgetPeriod) -> dict[BudgetPeriod, int]:
    """How many rows each day of UTC has, as far as it is in a period."""
    columns = GPU_SLICES.c
    day = (columns.begin_us - columns.begin_us % DAY_US).label("day_us")
    within = and_(columns.begin_us >= period.start_us, columns.begin_us < period.end_us, columns.method == method)
    rows = connection.execute(select(day, func.count()).where(within).group_by("day_us"))
    return {
        BudgetPeriod(max(day_us, period.start_us), min(day_us + DAY_US, period.end_us)): slices
        for day_us, slices in rows
    }


def _used(connection: Connection, method: str, per: BudgetScope, day: BudgetPeriod) -> dict[str, int]:
    """Of the last revision of each slice."""
    slices, shares = GPU_SLICES.c, GPU_SHARES.c
    last = (
        select(slices.begin_us, slices.server, func.max(slices.revision).label("revision"))
        .where(slices.begin_us >= day.start_us, slices.begin_us < day.end_us, slices.method == method)
        .group_by(slices.begin_us, slices.server)
        .subquery()
    )
    of_last = and_(*(shares[name] == last.c[name] for name in ("begin_us", "server", "revision")))
    query = (
        select(shares[per], cast(func.sum(shares.gpu_us), BigInteger))
        .select_from(last)
        .join(GPU_SHARES, of_last & (shares.method == method))
        .group_by(shares[per])
    )
    return {key: int(used) for key, used in connection.execute(query)}
