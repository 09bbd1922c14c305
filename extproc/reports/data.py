"""A report as data, for JSON. ``extproc.cli.report_shapes`` documents the keys."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from extproc.ledger.allocation.slice_rows import UNEXPLAINED
from extproc.reports.csv_text import time_in
from extproc.reports.gpu_figures import NO_GPU_TIME, GpuColumns, GpuFigures, GpuUsage
from extproc.reports.gpu_time import UnpaidTime
from extproc.reports.movers import Movers
from extproc.reports.periods import Period
from extproc.reports.report import Report, ReportRow


def report_data(report: Report) -> dict[str, Any]:
    """All of a report. Integers are exact beyond 2**53, which is more than a JavaScript number holds."""
    return {
        "from": report.days.first.isoformat(),
        "to": report.days.last.isoformat(),
        "timezone": report.days.zone_name,
        "period": report.size.value,
        "measure": report.measure.value,
        "by": list(report.dimensions),
        "only": [{"name": name, "value": value} for name, value in report.only],
        "rows": [_row_data(row, report) for row in report.rows],
        "periods": [
            {**_period_data(period, report), "figures": asdict(figures)}
            for period, figures in zip(report.periods, report.by_period, strict=True)
        ],
        "groups": [{"group": list(group), "figures": asdict(figures)} for group, figures in report.groups],
        "total": asdict(report.total),
        "movers": None if report.movers is None else _movers_data(report.movers, report),
        "gpu": None if report.gpu is None else _gpu_data(report.gpu, report),
    }


def _period_data(period: Period, report: Report) -> dict[str, Any]:
    return {
        "start": time_in(report.days.zone, period.start_us),
        "end": time_in(report.days.zone, period.end_us),
        "complete": period.complete,
    }


def _row_data(row: ReportRow, report: Report) -> dict[str, Any]:
    before = None if row.before is None else asdict(row.before)
    return {
        **_period_data(row.period, report),
        "group": list(row.group),
        "figures": asdict(row.figures),
        "before": before,
    }


def _movers_data(movers: Movers, report: Report) -> dict[str, Any]:
    return {
        "before": _period_data(movers.before, report),
        "period": _period_data(movers.period, report),
        "groups": [{"group": list(one.group), "before": one.before, "after": one.after} for one in movers.groups],
    }


def _gpu_data(usage: GpuUsage, report: Report) -> dict[str, Any]:
    return {
        "absent": usage.absent or None,
        "methods": [_method_data(one, report) for one in usage.columns],
        "quotas": [
            {"team": team, "milli_gpus": one.milli_gpus, "namespace": one.namespace or None}
            for team, one in usage.quotas.teams.items()
        ],
        "notes": list(usage.quotas.notes),
    }


def _method_data(columns: GpuColumns, report: Report) -> dict[str, Any]:
    rows = [columns.rows.get((row.period.start_us, row.group), NO_GPU_TIME) for row in report.rows]
    has_energy = columns.without_watts_us is not None
    groups = [columns.groups.get(group, NO_GPU_TIME) for group, _ in report.groups]
    return {
        "method": columns.method,
        "days": asdict(columns.days),
        "rows": [_gpu_figures(one, has_energy) for one in rows],
        "periods": [_gpu_figures(one, has_energy) for one in columns.by_period],
        "groups": [_gpu_figures(one, has_energy) for one in groups],
        "total": _gpu_figures(columns.total, has_energy),
        "unpaid": [_unpaid_data(one, has_energy) for one in columns.unpaid],
        "energy_unknown_us": columns.without_watts_us,
        "movers": None if columns.movers is None else _movers_data(columns.movers, report),
    }


def _unpaid_data(unpaid: UnpaidTime, has_energy: bool) -> dict[str, Any]:
    energy_mwh = unpaid.energy if has_energy and unpaid.state == UNEXPLAINED else None
    found = {"state": unpaid.state, "currency": unpaid.currency, "time_us": unpaid.time, "cost_nano": unpaid.cost}
    return found | {"energy_mwh": energy_mwh}


def _gpu_figures(figures: GpuFigures, has_energy: bool) -> dict[str, Any]:
    costs = [{"currency": currency, "cost_nano": cost} for currency, cost in figures.costs.items()]
    counts = {name: getattr(figures, name) for name in ("used_us", "idle_us", "other_us", "tokens")}
    energy_mwh = figures.energy_mwh if has_energy else None
    return counts | {"energy_mwh": energy_mwh, "costs": costs, "quota_us": figures.quota_us}
