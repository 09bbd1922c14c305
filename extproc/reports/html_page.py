"""A report as one HTML file: it needs no network, runs no script, and shows any name as the text that it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Final

from extproc.reports.gpu_sections import gpu_sections
from extproc.reports.html_parts import NAME_CHARS_MAX, name_cell, page_of, plain_name, section_of, table_of
from extproc.reports.movers import Movers
from extproc.reports.periods import Period
from extproc.reports.plots import SERIES_MAX, Plot, Series, lines, shortened, stacked_bars
from extproc.reports.report import Figures, Report
from extproc.reports.units import (
    change_in_words,
    count_in_words,
    duration_in_words,
    group_in_words,
    money_in_words,
    period_in_words,
)
from extproc.reports.usage import Measure

_GROUPS_DRAWN_MAX: Final = 20
_COLUMNS: Final[Sequence[tuple[str, Callable[[Figures], str]]]] = (
    ("requests", lambda one: f"{one.exchanges:,}"),
    ("input", lambda one: f"{one.prompt_tokens:,}"),
    ("cached", lambda one: f"{one.cached_tokens:,}"),
    ("output", lambda one: f"{one.completion_tokens:,}"),
    ("cost", lambda one: money_in_words(one.cost_micro_usd)),
    ("p50", lambda one: duration_in_words(one.duration_p50_ms)),
    ("p95", lambda one: duration_in_words(one.duration_p95_ms)),
    ("first token p95", lambda one: duration_in_words(one.first_token_p95_ms)),
    ("failed", lambda one: f"{one.failed:,}"),
    ("refused", lambda one: f"{one.refused:,}"),
    ("refusals", lambda one: f"{one.refusals:,}"),
    ("findings", lambda one: f"{one.findings:,}"),
)


def html_page(report: Report) -> str:
    """The page."""
    days = report.days
    by = f" by {', '.join(report.dimensions)}" if report.dimensions else ""
    title = f"Usage{by}, {days.first} to {days.last}"
    only = "".join(f", {name} {plain_name(value)}" for name, value in report.only)
    lead = f"Days of {escape(days.zone_name)}{escape(only)}."
    return page_of(title, lead, _with_figures(report) if report.rows else ["<p>No entries.</p>"])


def _with_figures(report: Report) -> Iterable[str]:
    yield _bars(report)
    if len(report.periods) > 1:
        if report.total.cost_micro_usd:
            yield _of_periods(report, "cost", "Cost", [("cost", lambda one: one.cost_micro_usd)], money_in_words)
        latencies: list[tuple[str, Callable[[Figures], int | None]]] = [
            ("p95", lambda one: one.duration_p95_ms),
            ("p50", lambda one: one.duration_p50_ms),
            ("first token p95", lambda one: one.first_token_p95_ms),
        ]
        yield _of_periods(report, "latency", "Latency", latencies, duration_in_words)
    yield from gpu_sections(report)
    groups = [([name_cell(one) for one in group], figures) for group, figures in report.groups]
    yield _table("Groups, over all periods", report.dimensions, [*groups, (_sum_cells(report), report.total)])
    if report.movers is not None and report.movers.groups:
        yield _movers(report.movers, report)
    if len(report.periods) > 1:
        labels = [_labels(report, period) for period in report.periods]
        yield _table("Periods, of all groups", ["period"], list(zip(labels, report.by_period, strict=True)))
        rows = [
            (_labels(report, row.period) + [name_cell(one) for one in row.group], row.figures) for row in report.rows
        ]
        whole = _table("Each group in each period", ["period", *report.dimensions], rows)
        yield f"<details>\n<summary>Each group in each period ({len(rows):,} rows)</summary>\n{whole}\n</details>"


# --- plots ---------------------------------------------------------------------------------------------------------


def _bars(report: Report) -> str:
    unit = "Cost" if report.measure is Measure.COST else report.measure.value.capitalize()
    in_words = money_in_words if report.measure is Measure.COST else count_in_words
    if len(report.periods) == 1:
        drawn = report.groups[:_GROUPS_DRAWN_MAX]
        series = [Series(unit, [figures.measured(report.measure) for _, figures in drawn])]
        names = [plain_name(group_in_words(group)) for group, _ in drawn]
        plot = Plot("bars", f"{unit} of the largest groups", _largest(names), names, series, in_words)
        return section_of(plot, stacked_bars(plot))
    series = _stacked_series(report)
    labels = [period_in_words(one, report.size) for one in report.periods]
    title = f"{unit} by {report.size.value}, and by group"
    plot = Plot("bars", title, _largest([one.name for one in series]), labels, series, in_words)
    return section_of(plot, stacked_bars(plot))


def _stacked_series(report: Report) -> list[Series]:
    """The largest groups, and the others as one."""
    drawn = report.groups if len(report.groups) <= SERIES_MAX else report.groups[: SERIES_MAX - 1]
    numbers = {group: number for number, (group, _) in enumerate(drawn)}
    places = {period.start_us: place for place, period in enumerate(report.periods)}
    values = [[0] * len(places) for _ in range(len(drawn) + (len(drawn) < len(report.groups)))]
    for row in report.rows:
        number = numbers.get(row.group, len(drawn))
        values[number][places[row.period.start_us]] += row.figures.measured(report.measure)
    names = [plain_name(group_in_words(group)) for group, _ in drawn] + ["others"]
    return [Series(name, one) for name, one in zip(names, values, strict=False)]


def _of_periods(
    report: Report,
    id: str,
    title: str,
    read: Sequence[tuple[str, Callable[[Figures], int | None]]],
    in_words: Callable[[int], str],
) -> str:
    labels = [period_in_words(one, report.size) for one in report.periods]
    series = [Series(name, [reads(one) for one in report.by_period]) for name, reads in read]
    known = [value for value in series[0].values if value is not None]
    most = f"At most {in_words(max(known))} in a {report.size.value}." if known else "There are none."
    plot = Plot(id, f"{title} by {report.size.value}", most, labels, series, in_words)
    return section_of(plot, lines(plot))


def _largest(names: Sequence[str]) -> str:
    return f"The largest first: {', '.join(shortened(name, NAME_CHARS_MAX) for name in names)}."


# --- tables --------------------------------------------------------------------------------------------------------


def _table(caption: str, names: Sequence[str], rows: Sequence[tuple[Sequence[str], Figures]]) -> str:
    """Args: rows: cells of names, as HTML, and figures."""
    heads = [f'<th scope="col">{escape(name)}</th>' for name in names]
    heads += [f'<th scope="col" class="figure">{name}</th>' for name, _ in _COLUMNS]
    body = [
        f"<tr>{''.join(cells)}{''.join(f'<td>{escape(read(figures))}</td>' for _, read in _COLUMNS)}</tr>"
        for cells, figures in rows
    ]
    return table_of(caption, heads, body)


def _movers(movers: Movers, report: Report) -> str:
    in_words = money_in_words if report.measure is Measure.COST else count_in_words
    after, before = (period_in_words(one, report.size) for one in (movers.period, movers.before))
    heads = [f'<th scope="col">{escape(name)}</th>' for name in report.dimensions]
    heads += [f'<th scope="col" class="figure">{escape(name)}</th>' for name in (before, after, "change")]
    body = []
    for one in movers.groups:
        values = (in_words(one.before), in_words(one.after), change_in_words(one.before, one.after))
        cells = [name_cell(name) for name in one.group] + [f"<td>{escape(value)}</td>" for value in values]
        body.append(f"<tr>{''.join(cells)}</tr>")
    return table_of(f"Changed most: {report.measure.value}", heads, body)


def _labels(report: Report, period: Period) -> list[str]:
    label = period_in_words(period, report.size) + ("" if period.complete else " (part)")
    return [f'<td class="name">{escape(label)}</td>']


def _sum_cells(report: Report) -> list[str]:
    return [f'<td class="name">{"total" if not place else ""}</td>' for place, _ in enumerate(report.dimensions)]
