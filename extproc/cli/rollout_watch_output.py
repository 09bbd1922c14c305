"""How ``extproc rollout watch`` looks: lines of a width, and no more of them than a screen has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from extproc.cli.rollout_output import GATE_STATES
from extproc.cli.rollout_shapes import GateLeftJson, RolloutGateJson, TimeLeftJson, WatchedRolloutJson
from extproc.cli.tables import plain_text
from extproc.reports.units import duration_in_words
from extproc.rollout.decide import GateState
from extproc.rollout.time_left import ANSWERS, TIME

BAR_COLUMNS_MAX: Final = 61
_BAR_COLUMNS_MIN: Final = 11
_NAME_COLUMNS, _LEFT_COLUMNS = 12, 8
_NUMBERS: Final = (("difference", 10), ("worse", 6), ("ok", 6))
_OTHERS: Final = _NAME_COLUMNS + sum(width + 1 for _, width in _NUMBERS) + _LEFT_COLUMNS + len(" state") + 2
_REASONS_MAX: Final = 3
_KEYS: Final = "q quit   bar: difference with its interval, 0 in the middle, ┊ margin"
_MARGINS_SHOWN: Final = 2.0
"""A bar reaches from minus to plus so many margins."""
_WHEN: Final = {"too_early": "too early to tell", "never": "not by today's traffic"}
_WHEN_SHORT: Final = {"too_early": "?", "never": "never"}
_URGENCY: Final = ("worse", "open", "not_worse", "not_measured")


@dataclass(frozen=True, slots=True)
class WatchState:
    """What a screen says besides the rollout. Attributes: absent: why it is not of now; empty: it is."""

    clock: str = ""
    absent: str = ""


def screen(one: WatchedRolloutJson, state: WatchState, columns: int, rows: int) -> list[Text]:
    """The lines of a screen of this size: what is most urgent stays where there is little room."""
    head = _head(one, state)
    room = rows - len(head) - 3
    measured = sum(gate["state"] != "not_measured" for gate in one["gates"])
    table = 1 + measured + (measured < len(one["gates"]))
    reasons = _reasons(one)[: max(min(room - table, _REASONS_MAX), 1)]
    gates = _gates(one["gates"], one["time_left"], columns, max(room - len(reasons), 1))
    lines = [*head, Text(), *gates, Text(), *reasons]
    entries = max(rows - 1 - len(lines), 0)
    lines += _entries(one)[-entries:] if entries else []
    lines = lines[: max(rows - 1, 1)]
    lines += [Text() for _ in range(rows - 1 - len(lines))]
    lines = [*lines, Text(_KEYS, "reverse")][:rows]
    for line in lines:
        line.truncate(columns, overflow="ellipsis")
    return lines


def snapshot(one: WatchedRolloutJson, columns: int) -> list[Text]:
    """All lines, for a pipe or a file."""
    gates = _gates(one["gates"], one["time_left"], columns, len(one["gates"]) + 1)
    return [*_head(one, WatchState()), Text(), *gates, Text(), *_reasons(one), *_entries(one)]


# --- parts ---------------------------------------------------------------------------------------------------------


def _head(one: WatchedRolloutJson, state: WatchState) -> list[Text]:
    phase = one["phase"].replace("_", " ")
    first = Text.assemble(
        (one["name"], "bold"),
        f"  {one['model']}: {one['stable']} to {one['canary']}  ",
        (phase, "green" if one["phase"] in ("running", "promoted") else "bold red"),
        f"  {state.clock}".rstrip(),
    )
    problems = [Text(plain_text(state.absent), "bold red")] if state.absent else []
    steps = [f"[{step}]" if place == one["step"] else f"{step}" for place, step in enumerate(one["steps"], 1)]
    second = Text(f"steps {' '.join(steps)}  {one['share_percent']:g} % canary, since {one['step_began']}")
    third = f"units: {one['canary_units']:,} canary, {one['stable_units']:,} stable"
    left = one["time_left"]
    if left is None:
        return [first, *problems, second, Text(third)]
    third += f"; {left['answers_per_hour']:,.0f} answers an hour of the canary"
    return [first, *problems, second, Text(third), Text(left_in_words(left))]


def left_in_words(left: TimeLeftJson) -> str:
    """When the next step is due."""
    until_over = f"inconclusive in {_time(left['until_over_s'])}"
    if not left["waits_for"]:
        return f"next step: now; {until_over}"
    what = {TIME: "the least time at this share", ANSWERS: "the least answers at this share"}
    slowest = what.get(left["waits_for"], f"{left['waits_for']} is the slowest")
    when = _WHEN[left["when"]] if left["seconds"] is None else f"in about {_time(left['seconds'])}"
    return f"next step: {when}, {slowest}; {until_over}"


def _reasons(one: WatchedRolloutJson) -> list[Text]:
    return [Text(plain_text(reason), "yellow") for reason in one["reasons"]]


def _entries(one: WatchedRolloutJson) -> list[Text]:
    lines = []
    for entry in one["journal"]:
        said = plain_text(entry["note"] or " ".join(entry["reasons"][:1])).replace("\n", " ")
        line = f"{entry['at'].removesuffix('+00:00')}  {entry['kind'].replace('_', ' ')} by {entry['by']}  {said}"
        lines.append(Text(plain_text(line).rstrip(), "dim"))
    return lines


def _gates(gates: Sequence[RolloutGateJson], left: TimeLeftJson | None, columns: int, rows_max: int) -> list[Text]:
    """A head, a line for each gate that has values, and one that names the others."""
    shown = [gate for gate in gates if gate["state"] != "not_measured"]
    others = [gate["gate"] for gate in gates if gate["state"] == "not_measured"]
    room = max(rows_max - 1 - bool(others), 1)
    hidden = len(shown) - max(room - 1, 1) if len(shown) > room else 0
    if hidden:
        by_urgency = sorted(shown, key=lambda gate: _URGENCY.index(gate["state"]))[: len(shown) - hidden]
        shown = [gate for gate in shown if gate in by_urgency]
    width = _bar_columns(columns)
    times = {} if left is None else {gate["gate"]: gate for gate in left["gates"]}
    lines = [_table_head(width), *(_gate_line(gate, times, width) for gate in shown)]
    if hidden:
        lines.append(Text(f"and {hidden} more", "dim"))
    if others:
        lines.append(Text(f"no values: {', '.join(others)}", "dim"))
    return lines


def _bar_columns(columns: int) -> int:
    """Odd, so that 0 is in the middle."""
    room = min(max(columns - _OTHERS, _BAR_COLUMNS_MIN), BAR_COLUMNS_MAX)
    return room - 1 + room % 2


def _table_head(bar_columns: int) -> Text:
    cells = "".join(f" {name:>{width}}" for name, width in _NUMBERS)
    return Text(f"{'gate':<{_NAME_COLUMNS}} {'0':^{bar_columns}}{cells} {'left':>{_LEFT_COLUMNS}} state", "bold")


def _gate_line(gate: RolloutGateJson, times: dict[str, GateLeftJson], bar_columns: int) -> Text:
    unit = "pt" if gate["unit"] == "points" else "% "
    difference = "?" if gate["difference"] is None else f"{gate['difference']:+.2f} {unit}"
    numbers = (difference, _part(gate["evidence_worse"]), _part(gate["evidence_not_worse"]))
    left = "-"
    if gate["gate"] in times:
        due = times[gate["gate"]]
        left = _WHEN_SHORT[due["when"]] if due["seconds"] is None else _time(due["seconds"])
    line = Text(f"{set_cell_size(gate['gate'], _NAME_COLUMNS)} ")
    line.append(gate_bar(gate, bar_columns), "cyan")
    for number, (_, width) in zip(numbers, _NUMBERS, strict=True):
        line.append(f" {number:>{width}}")
    line.append(f" {left:>{_LEFT_COLUMNS}} ")
    return line.append_text(GATE_STATES[GateState(gate["state"])])


def gate_bar(gate: RolloutGateJson, columns: int) -> str:
    """The interval as a line that shrinks: ``●`` the difference, ``│`` 0, ``┊`` the margin, ``<`` and ``>``: beyond."""
    middle = columns // 2
    span = _MARGINS_SHOWN * gate["margin"]

    def place(value: float) -> int:
        return middle + max(min(round(value / span * middle), middle), -middle) if math.isfinite(value) else middle

    low, high = (-math.inf if gate["low"] is None else gate["low"], math.inf if gate["high"] is None else gate["high"])
    first, last = place(max(low, -span)), place(min(high, span))
    cells = ["━" if first <= at <= last else " " for at in range(columns)]
    marks = {middle: ("│", "┿")}
    signs = {"up": (1,), "down": (-1,), "either": (-1, 1)}[gate["harmful"]]
    marks |= {place(sign * gate["margin"]): ("┊", "╋") for sign in signs}
    for at, (alone, covered) in marks.items():
        cells[at] = covered if first <= at <= last else alone
    if gate["difference"] is not None:
        cells[place(gate["difference"])] = "●"
    if low < -span:
        cells[0] = "<"
    if high > span:
        cells[-1] = ">"
    line = "".join(cells)
    assert cell_len(line) == columns
    return line


def _part(part: float) -> str:
    return f"{100 * min(part, 9.99):.0f} %"


def _time(seconds: float) -> str:
    days = seconds / 86_400
    return f"{days:.1f} d" if days >= 2 else duration_in_words(round(seconds) * 1_000)
