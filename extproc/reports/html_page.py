"""A report as one HTML file: it needs no network, runs no script, and shows any name as the text that it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Final

from extproc.reports.periods import Period
from extproc.reports.plots import SERIES_MAX, Plot, Series, lines, shortened, stacked_bars
from extproc.reports.report import Figures, Movers, Report
from extproc.reports.units import (
    change_in_words,
    count_in_words,
    duration_in_words,
    group_in_words,
    money_in_words,
    period_in_words,
)
from extproc.reports.usage import Measure

_NAME_CHARS_MAX: Final = 80
_GROUPS_DRAWN_MAX: Final = 20
_REPLACEMENT: Final = "\ufffd"
_CSP: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """\
:root { color-scheme: light dark; --text: #1b1f24; --page: #ffffff; --grid: #d5d9de; --dim: #57606a;
  --c0: #0b62b0; --c1: #b35900; --c2: #1a7f37; --c3: #8e3a9d; --c4: #b3261e; --c5: #00727f; --c6: #7a6a00;
  --c7: #6e7781; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --page: #0d1117; --grid: #30363d; --dim: #9aa4af;
  --c0: #6cb6ff; --c1: #f0883e; --c2: #56d364; --c3: #d2a8ff; --c4: #ff7b72; --c5: #56d4dd; --c6: #e3b341;
  --c7: #8b949e; } }
body { margin: 2rem auto; max-width: 76rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif;
  color: var(--text); background: var(--page); }
svg { width: 100%; height: auto; } svg text { font-size: 12px; fill: var(--dim); }
.grid { stroke: var(--grid); } .line { fill: none !important; stroke-width: 2; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
caption { text-align: left; font-weight: 600; } th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--grid); }
th { text-align: left; } td, th.figure { text-align: right; font-variant-numeric: tabular-nums; }
td { white-space: nowrap; } td.name { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 7rem; }
.key { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 1em; } .scroll { overflow-x: auto; }
""" + "".join(
    f".c{one} {{ fill: var(--c{one}); stroke: var(--c{one}); }} .key.c{one} {{ background: var(--c{one}); }}\n"
    for one in range(SERIES_MAX)
)
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
    only = "".join(f", {name} {_plain(value)}" for name, value in report.only)
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_CSP}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n<main>",
        f"<h1>{escape(title)}</h1>\n<p>Days of {escape(days.zone_name)}{escape(only)}.</p>",
        *(_with_figures(report) if report.rows else ["<p>No entries.</p>"]),
        "</main>\n</body>\n</html>\n",
    ]
    return "\n".join(parts)


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
    groups = [([_name_cell(one) for one in group], figures) for group, figures in report.groups]
    yield _table("Groups, over all periods", report.dimensions, [*groups, (_sum_cells(report), report.total)])
    if report.movers is not None and report.movers.groups:
        yield _movers(report.movers, report)
    if len(report.periods) > 1:
        labels = [_labels(report, period) for period in report.periods]
        yield _table("Periods, of all groups", ["period"], list(zip(labels, report.by_period, strict=True)))
        rows = [
            (_labels(report, row.period) + [_name_cell(one) for one in row.group], row.figures) for row in report.rows
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
        names = [_plain(group_in_words(group)) for group, _ in drawn]
        plot = Plot("bars", f"{unit} of the largest groups", _largest(names), names, series, in_words)
        return _section(plot, stacked_bars(plot))
    series = _stacked_series(report)
    labels = [period_in_words(one, report.size) for one in report.periods]
    title = f"{unit} by {report.size.value}, and by group"
    plot = Plot("bars", title, _largest([one.name for one in series]), labels, series, in_words)
    return _section(plot, stacked_bars(plot))


def _stacked_series(report: Report) -> list[Series]:
    """The largest groups, and the others as one."""
    drawn = report.groups if len(report.groups) <= SERIES_MAX else report.groups[: SERIES_MAX - 1]
    numbers = {group: number for number, (group, _) in enumerate(drawn)}
    places = {period.start_us: place for place, period in enumerate(report.periods)}
    values = [[0] * len(places) for _ in range(len(drawn) + (len(drawn) < len(report.groups)))]
    for row in report.rows:
        number = numbers.get(row.group, len(drawn))
        values[number][places[row.period.start_us]] += row.figures.measured(report.measure)
    names = [_plain(group_in_words(group)) for group, _ in drawn] + ["others"]
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
    return _section(plot, lines(plot))


def _largest(names: Sequence[str]) -> str:
    return f"The largest first: {', '.join(shortened(name, _NAME_CHARS_MAX) for name in names)}."


def _section(plot: Plot, drawn: str) -> str:
    keys = "".join(
        f'<span class="key c{number}" aria-hidden="true"></span>{_shown_name(one.name)}'
        for number, one in enumerate(plot.series)
    )
    legend = f"\n<p>{keys}</p>" if len(plot.series) > 1 else ""
    return f"<section>\n<h2>{escape(plot.title)}</h2>{legend}\n{drawn}\n</section>"


# --- tables --------------------------------------------------------------------------------------------------------


def _table(caption: str, names: Sequence[str], rows: Sequence[tuple[Sequence[str], Figures]]) -> str:
    """Args: rows: cells of names, as HTML, and figures."""
    heads = [f'<th scope="col">{escape(name)}</th>' for name in names]
    heads += [f'<th scope="col" class="figure">{name}</th>' for name, _ in _COLUMNS]
    body = [
        f"<tr>{''.join(cells)}{''.join(f'<td>{escape(read(figures))}</td>' for _, read in _COLUMNS)}</tr>"
        for cells, figures in rows
    ]
    return _rows_in_table(caption, heads, body)


def _rows_in_table(caption: str, heads: Sequence[str], body: Sequence[str]) -> str:
    head = f"<caption>{escape(caption)}</caption>\n<thead><tr>{''.join(heads)}</tr></thead>"
    return f'<div class="scroll"><table>{head}\n<tbody>\n' + "\n".join(body) + "\n</tbody></table></div>"


def _movers(movers: Movers, report: Report) -> str:
    in_words = money_in_words if report.measure is Measure.COST else count_in_words
    after, before = (period_in_words(one, report.size) for one in (movers.period, movers.before))
    heads = [f'<th scope="col">{escape(name)}</th>' for name in report.dimensions]
    heads += [f'<th scope="col" class="figure">{escape(name)}</th>' for name in (before, after, "change")]
    body = []
    for one in movers.groups:
        values = (in_words(one.before), in_words(one.after), change_in_words(one.before, one.after))
        cells = [_name_cell(name) for name in one.group] + [f"<td>{escape(value)}</td>" for value in values]
        body.append(f"<tr>{''.join(cells)}</tr>")
    return _rows_in_table(f"Changed most: {report.measure.value}", heads, body)


def _labels(report: Report, period: Period) -> list[str]:
    label = period_in_words(period, report.size) + ("" if period.complete else " (part)")
    return [f'<td class="name">{escape(label)}</td>']


def _sum_cells(report: Report) -> list[str]:
    return [f'<td class="name">{"total" if not place else ""}</td>' for place, _ in enumerate(report.dimensions)]


def _name_cell(name: str) -> str:
    return f'<td class="name">{_shown_name(name) or "-"}</td>'


def _shown_name(name: str) -> str:
    plain = _plain(name)
    short = shortened(plain, _NAME_CHARS_MAX)
    return escape(short) if short == plain else f'<span title="{escape(plain)}">{escape(short)}</span>'


def _plain(text: str) -> str:
    return "".join([one if one.isprintable() else _REPLACEMENT for one in text])
