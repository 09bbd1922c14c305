"""GPU time on the page of a report: plots over its periods, and the figures in tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from html import escape
from typing import Final

from extproc.reports.gpu_figures import NO_GPU_TIME, GpuColumns, GpuFigures
from extproc.reports.gpu_quota_section import quota_section
from extproc.reports.html_parts import name_cell, plain_name, section_of, table_of, text_cell
from extproc.reports.movers import Movers
from extproc.reports.plots import SERIES_MAX, Plot, Series, lines, stacked_bars
from extproc.reports.report import Report
from extproc.reports.units import (
    change_in_words,
    costs_in_words,
    gpu_hours_in_words,
    group_in_words,
    kwh_in_words,
    period_in_words,
    rate_in_words,
    share_in_words,
)

_US_PER_MILLIHOUR: Final = 3_600_000
"""What is drawn is whole, and its lines are round numbers of hours: thousandths of one."""
_GROUPS_DRAWN_MAX: Final = 20
_NOBODY: Final = "nobody pays"
_Column = tuple[str, Callable[[GpuFigures], str]]
_COLUMNS: Final[Sequence[_Column]] = (
    ("GPU-hours", lambda one: gpu_hours_in_words(one.time_us)),
    ("GPU cost", lambda one: costs_in_words(one.costs)),
    ("idle", lambda one: share_in_words(one.idle_share)),
    ("tokens/GPU-s", lambda one: rate_in_words(one.tokens_per_gpu_second)),
)
_WITH_ENERGY: Final[Sequence[_Column]] = (*_COLUMNS, ("kWh", lambda one: kwh_in_words(one.energy_mwh)))


def gpu_sections(report: Report) -> Iterator[str]:
    """Of each method, or a sentence that says why there is nothing."""
    if report.gpu is None:
        return
    if report.gpu.absent:
        yield f"<p>{escape(report.gpu.absent)}</p>"
    yield from (f"<p>{escape(plain_name(one))}</p>" for one in report.gpu.quotas.notes)
    for number, columns in enumerate(report.gpu.columns):
        days, costs = columns.days, costs_in_words(columns.total.costs)
        words = f"GPU time by {columns.method}: {gpu_hours_in_words(columns.total.time_us)} GPU-hours"
        words += f", {costs}" if costs else ""
        words += "" if days.whole == days.asked else f"; allocated for {days.whole} of {days.asked} days"
        yield f"<p>{escape(words)}.</p>"
        yield from _of_method(report, columns, f"gpu{number}")
        if report.gpu.quotas.teams:
            yield from quota_section(columns, report.gpu.quotas, f"gpu{number}-quotas")


def _of_method(report: Report, columns: GpuColumns, prefix: str) -> Iterator[str]:
    if len(report.periods) > 1:
        yield _stacked(report, columns, f"{prefix}-hours")
        idle = [_scaled(one.idle_share, 1_000) for one in columns.by_period]
        yield _line(report, f"{prefix}-idle", "Idle share of all GPUs", idle, lambda one: f"{one / 10:g} %")
        rates = [_scaled(one.tokens_per_gpu_second, 10) for one in columns.by_period]
        yield _line(report, f"{prefix}-rate", "Tokens per GPU-second", rates, lambda one: f"{one / 10:,g}")
    else:
        yield _bars(columns, f"{prefix}-hours")
    caption = f"by {columns.method}"
    if columns.movers is not None and columns.movers.groups:
        yield _movers(report, columns.movers, caption)
    groups = [([name_cell(one) for one in group], figures) for group, figures in _largest(columns.groups)]
    empty = ['<td class="name"></td>'] * (len(report.dimensions) - 1)
    if columns.unpaid:
        groups.append(([text_cell(_NOBODY), *empty], _unpaid(columns)))
    groups.append(([text_cell("all GPUs"), *empty], columns.total))
    shown = _COLUMNS if columns.without_watts_us is None else _WITH_ENERGY
    yield _table(f"GPU time of groups, {caption}", report.dimensions or [""], groups, shown)
    if len(report.periods) > 1:
        labels = [[text_cell(period_in_words(one, report.size))] for one in report.periods]
        rows = list(zip(labels, columns.by_period, strict=True))
        yield _table(f"GPU time of all GPUs, {caption}", ["period"], rows, shown)


def _largest(groups: Mapping[tuple[str, ...], GpuFigures]) -> list[tuple[tuple[str, ...], GpuFigures]]:
    return sorted(groups.items(), key=lambda one: (-one[1].time_us, one[0]))


def _unpaid(columns: GpuColumns) -> GpuFigures:
    """What no group pays."""
    paid = NO_GPU_TIME
    for one in columns.groups.values():
        paid = paid.plus(one)
    whole = columns.total
    return GpuFigures(
        idle_us=whole.idle_us - paid.idle_us,
        other_us=whole.other_us,
        energy_mwh=whole.energy_mwh - paid.energy_mwh,
        costs={name: cost - paid.costs.get(name, 0) for name, cost in whole.costs.items()},
    )


# --- plots ---------------------------------------------------------------------------------------------------------


def _stacked(report: Report, columns: GpuColumns, id: str) -> str:
    """GPU-hours of the largest groups, of the others as one, and what nobody pays."""
    largest = [group for group, _ in _largest(columns.groups)]
    drawn = largest if len(largest) < SERIES_MAX else largest[: SERIES_MAX - 2]
    numbers = {group: number for number, group in enumerate(drawn)}
    names = [plain_name(group_in_words(group)) for group in drawn]
    names += ["others"] * (len(drawn) < len(largest)) + [_NOBODY] * bool(columns.unpaid)
    places = {period.start_us: place for place, period in enumerate(report.periods)}
    times = [[0] * len(places) for _ in names]
    unpaid = [one.time_us for one in columns.by_period]
    for (start_us, group), figures in columns.rows.items():
        times[numbers.get(group, len(drawn))][places[start_us]] += figures.time_us
        unpaid[places[start_us]] -= figures.time_us
    if columns.unpaid:
        times[-1] = unpaid
    series = [Series(name, [_millihours(one) for one in of_one]) for name, of_one in zip(names, times, strict=True)]
    labels = [period_in_words(one, report.size) for one in report.periods]
    title = f"GPU-hours by {report.size.value}, and by group"
    plot = Plot(id, title, f"The largest first: {', '.join(names)}.", labels, series, _hours_in_words)
    return section_of(plot, stacked_bars(plot))


def _bars(columns: GpuColumns, id: str) -> str:
    drawn = _largest(columns.groups)[:_GROUPS_DRAWN_MAX]
    names = [plain_name(group_in_words(group)) for group, _ in drawn]
    times = [figures.time_us for _, figures in drawn]
    if columns.unpaid:
        names.append(_NOBODY)
        times.append(_unpaid(columns).time_us)
    series = [Series("GPU-hours", [_millihours(one) for one in times])]
    described = f"The largest first: {', '.join(names)}."
    plot = Plot(id, "GPU-hours of the largest groups", described, names, series, _hours_in_words)
    return section_of(plot, stacked_bars(plot))


def _line(report: Report, id: str, title: str, values: Sequence[int | None], in_words: Callable[[int], str]) -> str:
    labels = [period_in_words(one, report.size) for one in report.periods]
    known = [one for one in values if one is not None]
    most = f"At most {in_words(max(known))} in a {report.size.value}." if known else "There are none."
    plot = Plot(id, f"{title} by {report.size.value}", most, labels, [Series(title, values)], in_words)
    return section_of(plot, lines(plot))


def _scaled(value: Fraction | None, by: int) -> int | None:
    return None if value is None else round(value * by)


def _millihours(time_us: int) -> int:
    return (2 * time_us + _US_PER_MILLIHOUR) // (2 * _US_PER_MILLIHOUR)


def _hours_in_words(millihours: int) -> str:
    return gpu_hours_in_words(millihours * _US_PER_MILLIHOUR)


# --- tables --------------------------------------------------------------------------------------------------------


def _table(
    caption: str,
    names: Sequence[str],
    rows: Sequence[tuple[Sequence[str], GpuFigures]],
    shown: Sequence[_Column],
) -> str:
    """Args: rows: cells of names, as HTML, and figures."""
    heads = [f'<th scope="col">{escape(name)}</th>' for name in names]
    heads += [f'<th scope="col" class="figure">{name}</th>' for name, _ in shown]
    body = []
    for cells, figures in rows:
        read = "".join(f"<td>{escape(read(figures))}</td>" for _, read in shown)
        body.append(f"<tr>{''.join(cells)}{read}</tr>")
    return table_of(caption, heads, body)


def _movers(report: Report, movers: Movers, caption: str) -> str:
    after, before = (period_in_words(one, report.size) for one in (movers.period, movers.before))
    heads = [f'<th scope="col">{escape(name)}</th>' for name in report.dimensions]
    heads += [f'<th scope="col" class="figure">{escape(name)}</th>' for name in (before, after, "change")]
    body = []
    for one in movers.groups:
        hours = [gpu_hours_in_words(time_us) for time_us in (one.before, one.after)]
        values = [*hours, change_in_words(one.before, one.after)]
        cells = [name_cell(name) for name in one.group] + [f"<td>{escape(value)}</td>" for value in values]
        body.append(f"<tr>{''.join(cells)}</tr>")
    return table_of(f"Changed most: GPU-hours, {caption}", heads, body)
