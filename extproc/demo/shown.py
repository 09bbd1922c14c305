"""All that each side saw on the tour: a table, or one stop below the other where the terminal is narrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from extproc.demo.stop import Stop

TABLE_COLUMNS_MIN: Final = 120
LABELS: Final = ("sent", "client", "model", "measured")
"""What a narrow terminal calls the columns of the table."""
_HEADS: Final = ("", "stop", "what was sent", "what the client saw", "what the model saw", "what was measured")
_CELL_CHARS_MAX: Final = 90


def print_stops(console: Console, stops: Sequence[Stop]) -> None:
    """Print every stop with what was sent, seen and measured."""
    if console.width >= TABLE_COLUMNS_MIN:
        console.print(_table(stops))
        return
    for stop in stops:
        console.print(_mark(stop), Text(f" {stop.title}", style="bold"))
        console.print(Padding(_below(stop), (0, 0, 1, 5)))


def _table(stops: Sequence[Stop]) -> Table:
    table = Table(title="What was sent, and what each side saw", show_lines=True)
    for column in _HEADS:
        table.add_column(column, overflow="fold")
    for stop in stops:
        table.add_row(_mark(stop), Text(stop.title), *_cells(stop))
    return table


def _below(stop: Stop) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, cell in zip(LABELS, _cells(stop), strict=True):
        grid.add_row(label, cell)
    return grid


def _cells(stop: Stop) -> list[Text]:
    measured = "\n".join(filter(None, (stop.measured, stop.found_where and f"found: {stop.found_where}")))
    return [Text(_short(cell)) for cell in (stop.sent, stop.client_saw, stop.model_saw, measured)]


def _mark(stop: Stop) -> Text:
    return Text("wrong", style="red") if stop.wrong else Text("ok", style="green")


def _short(text: str) -> str:
    return text if len(text) <= _CELL_CHARS_MAX else text[: _CELL_CHARS_MAX - 1] + "…"
