"""Reports as CSV, which spreadsheets open: a name in a cell is never a formula.

A text that begins with a character with which spreadsheets begin a formula, or with a quote, gets a quote in front;
a program takes one leading quote away. Numbers are written as they are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Final

from extproc.reports.gpu_figures import NO_GPU_TIME, GpuColumns, GpuUsage
from extproc.reports.gpu_quotas import TeamQuotas
from extproc.reports.report import Figures, Report, ReportRow

_FORMULA_STARTS: Final = ("'", "=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_US_PER_S: Final = 1_000_000
_REPLACEMENT: Final = "\ufffd"
BEFORE: Final = ("exchanges", "prompt_tokens", "completion_tokens", "cost_micro_usd")
"""The figures of the period before that each row has."""
_QUOTA_GPUS: Final = "gpu_quota_milli_gpus"
_GPU_COUNTS: Final = ("used_us", "idle_us", "other_us", "tokens")

Cell = str | int | bool | Decimal | None


def csv_of(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A table as text; None is an empty cell."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([[_cell(one) for one in row] for row in rows])
    return written.getvalue()


def _cell(value: Cell) -> str | int:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return digits_of(value)
    return value if isinstance(value, int) else text_cell(value)


def digits_of(number: Decimal) -> str:
    """Without an exponent, and always with a point: readers that guess types see a decimal where all are whole too."""
    plain = f"{number:f}"
    whole, _, fraction = plain.partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"


def text_cell(text: str) -> str:
    """A text that no spreadsheet computes, without control characters."""
    plain = "".join([one if one.isprintable() else _REPLACEMENT for one in text])
    return f"'{plain}" if text.startswith(_FORMULA_STARTS) else plain


def report_csv(report: Report) -> str:
    """The rows of a report, whole. GPU time has columns of its own for each method, and costs for each currency."""
    head = ["period_start", "period_end", "complete", *report.dimensions, *Figures.__slots__]
    head += [f"before_{name}" for name in BEFORE]
    gpu = report.gpu or GpuUsage(())
    head += [_QUOTA_GPUS] * bool(gpu.quotas.teams)
    head += [name for one in gpu.columns for name in _gpu_head(one, gpu.quotas)]
    return csv_of(head, ([*_row(row, report.days.zone), *_gpu_cells(row, gpu)] for row in report.rows))


def _row(row: ReportRow, zone: tzinfo) -> list[Cell]:
    period = row.period
    times = [time_in(zone, moment) for moment in (period.start_us, period.end_us)]
    before = [None if row.before is None else getattr(row.before, name) for name in BEFORE]
    return [*times, period.complete, *row.group, *asdict(row.figures).values(), *before]


def _gpu_head(columns: GpuColumns, quotas: TeamQuotas) -> list[str]:
    names = [*_gpu_counts(columns, quotas), *(f"cost_nano_{currency}" for currency in columns.total.costs)]
    return [f"gpu_{columns.method}_{name}" for name in names]


def _gpu_counts(columns: GpuColumns, quotas: TeamQuotas) -> Sequence[str]:
    """The figures that are whole numbers; energy and quotas where they are known."""
    energy = () if columns.without_watts_us is None else ("energy_mwh",)
    return (*_GPU_COUNTS, *energy, *(("quota_us",) if quotas.teams else ()))


def _gpu_cells(row: ReportRow, gpu: GpuUsage) -> Iterator[Cell]:
    if gpu.quotas.teams:
        quota = gpu.quotas.teams.get(row.group[0])
        yield None if quota is None else quota.milli_gpus
    for columns in gpu.columns:
        figures = columns.rows.get((row.period.start_us, row.group), NO_GPU_TIME)
        yield from (getattr(figures, name) for name in _gpu_counts(columns, gpu.quotas))
        yield from (figures.costs.get(currency, 0) for currency in columns.total.costs)


def time_in(zone: tzinfo, moment_us: int) -> str:
    """A moment as a zone's clocks show it, with the offset."""
    return datetime.fromtimestamp(moment_us // _US_PER_S, UTC).astimezone(zone).isoformat()
