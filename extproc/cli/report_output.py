"""How ``extproc report`` shows a report on a terminal and in a pipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from extproc.cli.report_gpu_output import (
    ShownColumn,
    gpu_notes,
    gpu_table_columns,
    gpu_words_of_group,
    gpu_words_of_total,
)
from extproc.cli.tables import plain_text, print_line
from extproc.reports.movers import Movers
from extproc.reports.periods import PeriodSize
from extproc.reports.report import Figures, Report, ReportRow
from extproc.reports.units import (
    change_in_words,
    count_in_words,
    duration_in_words,
    group_in_words,
    money_in_words,
    period_in_words,
)
from extproc.reports.usage import Measure

GROUPS_SHOWN_MAX: Final = 10
_GAP: Final = 2
_NAME_COLUMNS_MAX: Final = 24  # where other columns would have to go
_SENTENCE_NAME_CHARS_MAX: Final = 60  # on a terminal
_NAME_COLUMNS_MIN: Final = 8


class _Column(NamedTuple):
    """See ``ShownColumn``."""

    name: str
    rank: int
    read: Callable[[Figures], str]


_COLUMNS: Final = (
    _Column("requests", 2, lambda one: count_in_words(one.exchanges)),
    _Column("input", 0, lambda one: count_in_words(one.prompt_tokens)),
    _Column("cached", 4, lambda one: count_in_words(one.cached_tokens)),
    _Column("output", 0, lambda one: count_in_words(one.completion_tokens)),
    _Column("cost", 0, lambda one: money_in_words(one.cost_micro_usd)),
    _Column("p50", 7, lambda one: duration_in_words(one.duration_p50_ms)),
    _Column("p95", 3, lambda one: duration_in_words(one.duration_p95_ms)),
    _Column("first token p95", 10, lambda one: duration_in_words(one.first_token_p95_ms)),
    _Column("failed", 8, lambda one: count_in_words(one.failed)),
    _Column("refused", 11, lambda one: count_in_words(one.refused)),
    _Column("refusals", 5, lambda one: count_in_words(one.refusals)),
    _Column("findings", 6, lambda one: count_in_words(one.findings)),
    _Column("estimated", 9, lambda one: count_in_words(one.estimated)),
)
_CHANGE: Final = "change"
_CHANGE_RANK: Final = 1
_CUT_MARK: Final = "*"


def print_report(console: Console, report: Report) -> None:
    """A table of all rows, then each group in a sentence, and what changed most."""
    by = f" by {', '.join(report.dimensions)}" if report.dimensions else ""
    only = "".join(f", {name} {value}" for name, value in report.only)
    days = report.days
    _say(console, f"Usage{by}, {days.first} to {days.last} ({days.zone_name}){only}", "bold")
    if not report.rows:
        _say(console, "No entries.")
        return
    _say(console, "")
    _print_rows(console, report)
    _say(console, "")
    for group, figures in report.groups[:GROUPS_SHOWN_MAX]:
        _say(console, f"{_name(console, group)}: {usage_in_words(figures, gpu_words_of_group(report, group))}")
    if (more := len(report.groups) - GROUPS_SHOWN_MAX) > 0:
        _say(console, f"and {more} more")
    if len(report.groups) > 1:
        _say(console, f"total: {usage_in_words(report.total, gpu_words_of_total(report))}")
    for note in gpu_notes(report):
        _say(console, note)
    if report.movers is not None and report.movers.groups:
        _print_movers(console, report.movers, report)


def usage_in_words(figures: Figures, gpu_words: str = "") -> str:
    """Such as `2.4M input tokens, 800K output tokens, $12.34`; without a price no money.

    Args: gpu_words: GPU time and its cost. With it, the cost of tokens is called so.
    """
    words = [f"{count_in_words(figures.prompt_tokens)} input tokens"]
    words.append(f"{count_in_words(figures.completion_tokens)} output tokens")
    if figures.cost_micro_usd:
        words.append(money_in_words(figures.cost_micro_usd) + (" for tokens" if gpu_words else ""))
    return ", ".join([*words, gpu_words] if gpu_words else words)


def measured_in_words(value: int, measure: Measure) -> str:
    """A figure of a measure, with its unit."""
    if measure is Measure.COST:
        return money_in_words(value)
    return f"{count_in_words(value)} {measure.value}"


def _print_movers(console: Console, movers: Movers, report: Report) -> None:
    after, before = (period_in_words(one, report.size) for one in (movers.period, movers.before))
    compared = "the time before" if report.size is PeriodSize.TOTAL else before
    _say(console, "")
    _say(console, f"Changed most, {after} against {compared}:", "bold")
    for mover in movers.groups:
        values = " to ".join(measured_in_words(one, report.measure) for one in (mover.before, mover.after))
        gone = "gone" if not mover.after else change_in_words(mover.before, mover.after)
        _say(console, f"{_name(console, mover.group)}: {values} ({gone})")


def _name(console: Console, group: tuple[str, ...]) -> str:
    name = group_in_words(group).replace("\n", "\u00b7")
    too_long = console.is_terminal and len(name) > _SENTENCE_NAME_CHARS_MAX
    return f"{name[:_SENTENCE_NAME_CHARS_MAX]}\u2026" if too_long else name


def _say(console: Console, words: str, style: str = "") -> None:
    console.print(Text(plain_text(words), style), soft_wrap=not console.is_terminal, highlight=False)


# --- the table -----------------------------------------------------------------------------------------------------


def _print_rows(console: Console, report: Report) -> None:
    names = _name_cells(report)
    figures = [ShownColumn(one.name, one.rank, [one.read(row.figures) for row in report.rows]) for one in _COLUMNS]
    change = ShownColumn(_CHANGE, _CHANGE_RANK, [_change(row, report.measure) for row in report.rows])
    columns = [*figures[:5], change, *gpu_table_columns(report), *figures[5:]]
    widths = [max(map(cell_len, [one.name, *one.values])) for one in columns]
    shown = list(range(len(columns)))
    names_width = sum(_natural(name, values) + _GAP for name, values in names)
    if names_width + sum(widths) + _GAP * (len(widths) - 1) > console.width:
        names_width = sum(min(_natural(name, values), _NAME_COLUMNS_MAX) + _GAP for name, values in names)
    while names_width + sum(widths[place] + _GAP for place in shown) - _GAP > console.width:
        first = max(shown, key=lambda place: columns[place].rank)
        if not columns[first].rank:
            break
        shown.remove(first)
    name_widths = _name_widths(console, names, sum(widths[place] + _GAP for place in shown))
    head_style, lines = "bold", range(-1, len(report.rows))
    for line in lines:
        row = Text(style=head_style if line < 0 else "")
        for (name, values), width in zip(names, name_widths, strict=True):
            row.append_text(_padded(name if line < 0 else values[line], width))
        for place in shown:
            column = columns[place]
            row.append(f"{column.name if line < 0 else column.values[line]:>{widths[place]}}" + " " * _GAP)
        print_line(console, row)
    if any(not row.period.complete for row in report.rows):
        _say(console, f"{_CUT_MARK} the period is not over, or the range cuts it off")


def _name_cells(report: Report) -> list[tuple[str, list[str]]]:
    """The first columns: the period, unless there is only one, and the values of the group."""
    found = []
    if report.size is not PeriodSize.TOTAL:
        labels = [period_in_words(row.period, report.size) for row in report.rows]
        marks = ["" if row.period.complete else _CUT_MARK for row in report.rows]
        found.append((report.size.value, [label + mark for label, mark in zip(labels, marks, strict=True)]))
    for place, name in enumerate(report.dimensions):
        found.append((name, [plain_text(row.group[place]).replace("\n", "\u00b7") or "-" for row in report.rows]))
    return found


def _natural(name: str, values: Sequence[str]) -> int:
    return max(map(cell_len, [name, *values]))


def _name_widths(console: Console, names: Sequence[tuple[str, Sequence[str]]], others: int) -> list[int]:
    """The widths of the first columns, which get shorter until the others fit in the line."""
    widths = [_natural(name, values) for name, values in names]
    while (
        sum(widths) + _GAP * len(widths) + others - _GAP > console.width and max(widths, default=0) > _NAME_COLUMNS_MIN
    ):
        widths[widths.index(max(widths))] -= 1
    return widths


def _padded(words: str, width: int) -> Text:
    cell = Text(words)
    cell.truncate(width, overflow="ellipsis", pad=True)
    return cell.append(" " * _GAP)


def _change(row: ReportRow, measure: Measure) -> str:
    before = None if row.before is None else row.before.measured(measure)
    return change_in_words(before, row.figures.measured(measure))
