"""Adds GPU time to a report, where it is kept by what the report groups by.

Groups that have GPU time and no entry get a row: of an exchange that began before the days, or of a reservation.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection

from extproc.allocation.idle import IdlePolicy
from extproc.config.gpus import GpusSection
from extproc.ledger.allocation.settled import DAY_US
from extproc.reports.dimensions import Dimension
from extproc.reports.gpu_figures import NO_GPU_TIME, AllocatedDays, GpuColumns, GpuFigures, GpuUsage
from extproc.reports.gpu_quotas import NO_QUOTAS, NOT_OF_TEAMS, TeamQuotas, is_of_whole_teams
from extproc.reports.gpu_sums import (
    DIMENSIONS,
    AllocatedSpan,
    ServerDay,
    allocated_time_us,
    methods_between,
)
from extproc.reports.gpu_time import (
    IDLE,
    GpuQuestion,
    GpuReport,
    reserved_shares,
    server_days,
    server_tokens,
    sum_of_reports,
)
from extproc.reports.movers import Mover, Movers, largest_changes
from extproc.reports.periods import Period, PeriodSize, period_before
from extproc.reports.query import Group
from extproc.reports.report import NOTHING, Question, Report, ReportRow

_UTC: Final = "UTC"
_SERVER: Final = "server"


def add_gpu_time(
    connection: Connection,
    section: GpusSection,
    asked: Question,
    report: Report,
    now_us: int,
    method: str | None = None,
    quotas: TeamQuotas = NO_QUOTAS,
) -> None:
    """Set ``report.gpu``, and add rows of groups that have nothing else.

    Args: asked: what the report was made from. method: None: all by which there is any. quotas: of teams, which then
    have a row in any case.
    """
    absent = _why_absent(asked)
    first, last = report.periods[0], report.periods[-1]
    methods = [] if absent else methods_between(connection, first.start_us, last.end_us)
    methods = [one for one in methods if method in (None, one)]
    if not methods:
        by = f" by {method[:40]}" if method else ""
        days = f"--from {first.first} --to {last.last}"
        absent = absent or f"No GPU time of these days is allocated{by}: run `extproc allocate {days}`."
        report.gpu = GpuUsage((), absent)
        return
    if (quotas.teams or quotas.notes) and not is_of_whole_teams(asked.dimensions, asked.only):
        quotas = TeamQuotas({}, [NOT_OF_TEAMS])
    reading = _Reading(connection, section, asked, report.periods, now_us)
    report.gpu = GpuUsage([reading.columns(method, quotas) for method in methods], quotas=quotas)
    _add_groups(report, report.gpu.columns)


def names_without_gpu_time(names: Iterable[Dimension]) -> list[str]:
    """Those of some names that GPU time is not kept by."""
    return [one.name for one in names if not set(one.columns) <= {*DIMENSIONS}]


def gpu_conditions(only: Sequence[tuple[Dimension, str]]) -> tuple[tuple[str, str], ...]:
    """Conditions of entries as those of GPU time: of a version also without its model."""
    found: list[tuple[str, str]] = []
    for dimension, value in only:
        values = value.rsplit("/", len(dimension.columns) - 1)
        found += zip(dimension.columns[-len(values) :], values, strict=True)
    return tuple(found)


def _why_absent(asked: Question) -> str:
    if asked.days.zone_name != _UTC:
        return f"GPU time is kept by hours of UTC, so days of {asked.days.zone_name} have none."
    others = names_without_gpu_time((*asked.dimensions, *(one for one, _ in asked.only)))
    kept = ", ".join(DIMENSIONS)
    return f"GPU time is not kept by {others[0]}, so it is left out. It is kept by {kept}." if others else ""


class _Reading:
    """One report's GPU time."""

    def __init__(
        self, connection: Connection, section: GpusSection, asked: Question, periods: Sequence[Period], now_us: int
    ) -> None:
        self._connection = connection
        self._asked = asked
        self._periods = periods
        self._now_us = now_us
        self._policy = IdlePolicy(section.idle)
        self._reserved = reserved_shares(connection, section)
        self._watts = section.watts
        self._names = tuple(dict.fromkeys(name for one in asked.dimensions for name in one.columns))
        self._is_by_server = self._names == (_SERVER,)
        """Then all time of a server is its own, and nothing is nobody's."""
        self._only = gpu_conditions(asked.only)
        before = period_before(asked.days, asked.size, now_us)
        # what has passed of a range that is not over is no number of days
        self._compared = [before] if asked.size is not PeriodSize.TOTAL or periods[0].complete else []

    def columns(self, method: str, quotas: TeamQuotas) -> GpuColumns:
        """By one method."""
        all_periods = [*self._compared, *self._periods]
        begin_us, end_us = all_periods[0].start_us, all_periods[-1].end_us
        span = AllocatedSpan(method, begin_us, end_us)
        question = GpuQuestion(
            method, begin_us, end_us, self._names, self._policy, self._reserved, self._only, self._watts
        )
        found = server_days(self._connection, question)
        rows, unpaid = self._in_periods(all_periods, found, question)
        allocated_us = allocated_time_us(self._connection, span)
        shown = range(len(self._compared), len(all_periods))
        by_period = [_sum([*rows[place].values(), unpaid[place]]) for place in shown]
        for place in shown:
            self._add_quotas(rows[place], all_periods[place], allocated_us, quotas)
        groups: dict[Group, GpuFigures] = {}
        for place in shown:
            for group, figures in rows[place].items():
                groups[group] = groups.get(group, NO_GPU_TIME).plus(figures)
        first_us = self._periods[0].start_us
        whole = sum_of_reports(one for key, one in found.items() if key.day_us >= first_us)
        allocated = {day_us: time_us == DAY_US for day_us, time_us in allocated_us.items()}
        return GpuColumns(
            method,
            self._days(allocated),
            {(all_periods[place].start_us, group): one for place in shown for group, one in rows[place].items()},
            by_period,
            groups,
            _sum(by_period),
            [] if self._is_by_server else whole.unpaid,
            _movers(all_periods, rows, allocated) if self._names else None,
            whole.without_watts if self._watts else None,
        )

    def _in_periods(
        self, periods: Sequence[Period], found: Mapping[ServerDay, GpuReport], asked: GpuQuestion
    ) -> tuple[list[dict[Group, GpuFigures]], list[GpuFigures]]:
        """Of each period what each group has, and what nobody pays."""
        starts = [one.start_us for one in periods]
        rows: list[dict[Group, GpuFigures]] = [{} for _ in periods]
        unpaid = [NO_GPU_TIME for _ in periods]
        for of, report in found.items():
            place = bisect_right(starts, of.day_us) - 1
            for row in report.rows:
                costs = {row.currency: row.cost}
                of_row = GpuFigures(used_us=row.used, idle_us=row.idle, energy_mwh=row.energy, costs=costs)
                self._add(rows[place], row.group, of_row)
            for state in report.unpaid:
                name = "idle_us" if state.state == IDLE else "other_us"
                costs = {state.currency: state.cost}
                of_state = GpuFigures(**{name: state.time}, energy_mwh=state.energy, costs=costs)
                if self._is_by_server:
                    self._add(rows[place], (of.server,), of_state)
                else:
                    unpaid[place] = unpaid[place].plus(of_state)
        for (day_us, _), groups in server_tokens(self._connection, asked).items():
            place = bisect_right(starts, day_us) - 1
            for values, tokens in groups.items():
                self._add(rows[place], values, GpuFigures(tokens=tokens))
        return rows, unpaid

    def _add(self, rows: dict[Group, GpuFigures], values: Group, added: GpuFigures) -> None:
        named = dict(zip(self._names, values, strict=True))
        group = tuple([one.value_of([named[name] for name in one.columns]) for one in self._asked.dimensions])
        rows[group] = rows.get(group, NO_GPU_TIME).plus(added)

    def _add_quotas(
        self, rows: dict[Group, GpuFigures], period: Period, allocated_us: Mapping[int, int], quotas: TeamQuotas
    ) -> None:
        """Of teams that meet the conditions, also of those that used nothing."""
        time_us = sum(one for day_us, one in allocated_us.items() if period.start_us <= day_us < period.end_us)
        for team, quota in quotas.teams.items() if time_us else ():
            if all(value == team for _, value in self._only):
                figures = rows.get((team,), NO_GPU_TIME)
                rows[team,] = replace(figures, quota_us=quota.time_us(time_us))

    def _days(self, allocated: Mapping[int, bool]) -> AllocatedDays:
        begin_us = self._periods[0].start_us
        end_us = min(self._periods[-1].end_us, max(self._now_us, begin_us + 1))
        found = [whole for day_us, whole in allocated.items() if begin_us <= day_us < end_us]
        return AllocatedDays(-(-(end_us - begin_us) // DAY_US), sum(found), len(found) - sum(found))


def _sum(parts: Iterable[GpuFigures]) -> GpuFigures:
    whole = NO_GPU_TIME
    for one in parts:
        whole = whole.plus(one)
    return whole


def _movers(
    periods: Sequence[Period], rows: Sequence[Mapping[Group, GpuFigures]], allocated: Mapping[int, bool]
) -> Movers | None:
    """Between the last two periods that are over and allocated."""
    known = [
        one.complete and all(allocated.get(day_us, False) for day_us in range(one.start_us, one.end_us, DAY_US))
        for one in periods
    ]
    for place in range(len(periods) - 1, 0, -1):
        if known[place] and known[place - 1]:
            before, after = rows[place - 1], rows[place]
            groups = [
                Mover(group, *(one.get(group, NO_GPU_TIME).time_us for one in (before, after)))
                for group in {**before, **after}
            ]
            return Movers(periods[place - 1], periods[place], largest_changes(groups))
    return None


def _add_groups(report: Report, columns: Sequence[GpuColumns]) -> None:
    """Rows and groups that only GPU time has, behind those of the ledger."""
    periods = {one.start_us: one for one in report.periods}
    known = {(row.period.start_us, row.group) for row in report.rows}
    for start_us, group in sorted({key for one in columns for key in one.rows} - known):
        report.rows.append(ReportRow(periods[start_us], group, NOTHING, None))
    report.rows.sort(key=lambda row: row.period.start_us)  # stable: the largest stay first
    groups = {group for group, _ in report.groups}
    report.groups += [(group, NOTHING) for group in sorted({key for one in columns for key in one.groups} - groups)]
