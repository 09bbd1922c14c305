"""How ``extproc top`` looks: lines of a width, and no more of them than a screen has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from extproc.cli.tables import plain_text
from extproc.cli.top_data import Look, SortColumn
from extproc.cli.top_shapes import TopJson

_NAME_MIN: Final = 12
_NAME_MAX: Final = 20
_ROWS_MIN: Final = 2
_WARNED_SHARE: Final = 0.01
_UNITS: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_LAST: Final = ("q quit  < > sort  r reverse  p pause  t team  m model",)
_HEADS: Final = 3
"""Lines of the tables besides their rows: two heads, and one between them."""


class _Column(NamedTuple):
    """``sort``: if rows are sorted by it. ``rank``: the higher, the sooner a narrow screen leaves it out; 0: never."""

    head: str
    sort: SortColumn | None
    width: int
    rank: int
    read: Callable[[Any], str]
    warns: bool = False


def _per_s(row: Any) -> str:
    return number(row["requests_per_s"])


_TRAFFIC: Final = (
    _Column("req/s", SortColumn.REQUESTS, 6, 0, _per_s),
    _Column("err%", SortColumn.FAILED, 5, 2, lambda row: percent(row["failed_share"]), warns=True),
    _Column("ref%", SortColumn.REFUSED, 5, 4, lambda row: percent(row["refused_share"])),
    _Column("in/s", SortColumn.IN, 6, 3, lambda row: number(row["prompt_tokens_per_s"])),
    _Column("out/s", SortColumn.OUT, 6, 3, lambda row: number(row["completion_tokens_per_s"])),
    _Column("USD/h", SortColumn.COST, 7, 1, lambda row: money(row["cost_usd_per_hour"])),
)
VERSION_COLUMNS: Final = (
    *_TRAFFIC,
    _Column("ttft95", SortColumn.FIRST, 6, 5, lambda row: seconds(row["first_token_p95_s"])),
    _Column("p50", SortColumn.P50, 5, 6, lambda row: seconds(row["duration_p50_s"])),
    _Column("p95", SortColumn.P95, 5, 1, lambda row: seconds(row["duration_p95_s"])),
)
TEAM_COLUMNS: Final = (
    *_TRAFFIC,
    _Column("requests", None, 8, 6, lambda row: number(row["requests"])),
    _Column("USD", None, 8, 5, lambda row: money(row["cost_micro_usd"] / 1e6)),
)
SORT_ORDER: Final = tuple(SortColumn)
"""As the columns of the table of versions, which has them all."""


@dataclass(frozen=True, slots=True)
class State:
    """What a screen says besides the numbers. Attributes: absent: why the processor does not answer; empty: it does."""

    clock: str = ""
    paused: bool = False
    absent: str = ""


def screen(top: TopJson, look: Look, state: State, columns: int, rows: int) -> list[Text]:
    """The lines of a screen of this size: tables get what the others leave."""
    head, others = _head(top, look, state), [Text(line) for line in _others(top)]
    room = rows - len(head) - len(_LAST) - _HEADS
    others = others[: max(room - 2 * _ROWS_MIN - 1, 0)]
    room -= len(others) + 1 if others else 0
    versions_max = max(room - min(len(top["teams"]), room // 2), _ROWS_MIN)
    teams_max = max(room - min(len(top["versions"]), versions_max), _ROWS_MIN)
    lines = [
        *head,
        *_table("version", VERSION_COLUMNS, _versions(top), look, columns, versions_max),
        Text(),
        *_table("team", TEAM_COLUMNS, _teams(top), look, columns, teams_max),
        *([Text(), *others] if others else []),
    ]
    lines = lines[: max(rows - len(_LAST), 1)]
    lines += [Text() for _ in range(rows - len(_LAST) - len(lines))]
    lines = [*lines, *(Text(line, "reverse") for line in _LAST)][:rows]
    for line in lines:
        line.truncate(columns, overflow="ellipsis")
    return lines


def snapshot(top: TopJson, look: Look, columns: int) -> list[Text]:
    """All lines, for a pipe or a file."""
    tables = (("version", VERSION_COLUMNS, _versions(top)), ("team", TEAM_COLUMNS, _teams(top)))
    lines = _head(top, look, State())
    for name, shown, rows in tables:
        lines += [Text(), *_table(name, shown, rows, look, columns, len(rows))]
    others = _others(top)
    return [*lines, *([Text()] if others else []), *map(Text, others)]


# --- parts ---------------------------------------------------------------------------------------------------------

_Row = tuple[str, Any]


def _versions(top: TopJson) -> list[_Row]:
    return [(f"{row['model']}/{row['version']}", row) for row in top["versions"]]


def _teams(top: TopJson) -> list[_Row]:
    return [(row["team"], row) for row in top["teams"]]


def _head(top: TopJson, look: Look, state: State) -> list[Text]:
    traffic = top["all"]
    is_well = top["ready"] and not state.absent
    said = "draining" if top["draining"] else "ready" if top["ready"] else "not ready"
    if state.absent:
        said = f"does not answer ({state.absent})"
    first = Text.assemble(
        (top["url"], "bold"), "  ", (said, "green" if is_well else "bold red"), f"  revision {top['revision']}"
    )
    for shown in (state.clock, "paused" if state.paused else ""):
        first.append(f"  {shown}" if shown else "", "bold" if state.paused else "")
    second = Text(f"{number(traffic['requests_per_s'])} req/s, {top['in_flight']} in flight")
    second.append(f", {number(traffic['prompt_tokens_per_s'])} tokens/s in, ")
    second.append(f"{number(traffic['completion_tokens_per_s'])} out, {money(traffic['cost_usd_per_hour'])} USD/h")
    second.append(f" (of {top['seconds']:.0f} s)" if top["seconds"] else " (no rates yet)")
    chosen = [f"{what}: {plain_text(part)}" for what, part in (("team", look.team), ("model", look.model)) if part]
    return [
        first,
        second,
        *(Text(plain_text(problem), "red") for problem in top["problems"]),
        *([Text(f"only {', '.join(chosen)}", "yellow")] if chosen else []),
    ]


def _table(
    name: str, columns: Sequence[_Column], rows: Sequence[_Row], look: Look, width: int, rows_max: int
) -> list[Text]:
    """A head, and the first rows; what is left out is counted."""
    columns = _fitting(columns, width)
    room = width - sum(column.width + 1 for column in columns)
    longest = max((cell_len(plain_text(row_name)) for row_name, _ in rows), default=0)
    name_width = max(min(room, max(longest, _NAME_MAX)), 1)
    arrow = "▲" if look.turned != (look.sort is SortColumn.NAME) else "▼"
    head = Text(style="bold")
    head.append(set_cell_size(f"{name}{arrow}" if look.sort is SortColumn.NAME else name, name_width))
    for column in columns:
        is_sorted = column.sort == look.sort
        cell = f"{column.head}{arrow}" if is_sorted else column.head
        head.append(" ")
        head.append(cell.rjust(column.width)[-column.width :], "reverse" if is_sorted else "")
    shown = list(rows[:rows_max]) if len(rows) <= rows_max else list(rows[: max(rows_max - 1, 0)])
    lines = [head, *(_line(row_name, row, columns, name_width) for row_name, row in shown)]
    if len(shown) < len(rows):
        lines.append(Text(f"and {len(rows) - len(shown)} more", "dim"))
    if not rows:
        lines.append(Text("no exchange yet", "dim"))
    return lines


def _fitting(columns: Sequence[_Column], width: int) -> list[_Column]:
    """The columns for which there is room after a name."""
    kept = list(columns)
    while _NAME_MIN + sum(column.width + 1 for column in kept) > width:
        first = max(kept, key=lambda column: column.rank)
        if not first.rank:
            break
        kept.remove(first)
    return kept


def _line(name: str, row: Any, columns: Sequence[_Column], name_width: int) -> Text:
    line = Text(_cut(plain_text(name), name_width))
    for column in columns:
        is_warned = column.warns and (row["failed_share"] or 0.0) >= _WARNED_SHARE
        line.append(" ")
        line.append(column.read(row).rjust(column.width), "bold red" if is_warned else "")
    return line


def _cut(text: str, width: int) -> str:
    return set_cell_size(text, width) if cell_len(text) <= width else f"{set_cell_size(text, max(width - 1, 0))}…"


def _others(top: TopJson) -> list[str]:
    """A line for each of what is not by team and version."""
    told = [
        ("guards", [f"{one['guard']} {one['direction']} {one['action']} {_hits(one)}" for one in top["guards"]]),
        ("fallbacks", [f"{one['version']} to {one['next']} {one['reason']} {_hits(one)}" for one in top["fallbacks"]]),
        (
            "limits",
            [f"{one['limit']} {'would refuse' if one['shadow'] else 'refused'} {_hits(one)}" for one in top["limits"]],
        ),
        ("budgets", [f"{one['budget']} {one['spent_percent']:.0f} %" for one in top["budgets"]]),
        (
            "drift",
            [
                f"{'! ' if one['alarm'] else ''}{one['model']}/{one['version']} {one['signal']} {one['effect']:+.0%}"
                for one in top["drift"]
            ],
        ),
    ]
    return [plain_text(f"{name:<10}{', '.join(parts)}") for name, parts in told if parts]


def _hits(one: Any) -> str:
    return f"{one['times']} ({number(one['per_s'])}/s)" if one["per_s"] else str(one["times"])


# --- numbers -------------------------------------------------------------------------------------------------------


def number(value: float) -> str:
    """A count or a rate in at most six characters: 0, 0.25, 12.3, 999, 1.2k, 34k, 5.6M."""
    if value < 1_000:
        if value == int(value):
            return str(int(value))
        return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
    for size, unit in _UNITS:
        if value >= size:
            return f"{value / size:.1f}{unit}" if value < 10 * size else f"{min(value / size, 99_999):.0f}{unit}"
    raise AssertionError(value)


def percent(share: float | None) -> str:
    """Of a share, without its mark; `-`: of nothing."""
    return "-" if share is None else number(round(100 * share, 1))


def money(usd: float) -> str:
    """USD."""
    return f"{usd:.2f}" if usd < 1_000 else number(usd)


def seconds(value: float | None) -> str:
    """A time; `-`: none was measured."""
    return "-" if value is None else f"{value:.2f}" if value < 10 else number(value)
