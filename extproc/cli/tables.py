"""Tables and lines on standard output. Apart from ``output``, since a server needs no ``rich``, which takes memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Final

from rich.console import Console, RenderableType
from rich.text import Text

_PIPED_COLUMNS: Final = 10_000
"""A program that reads a table wants its lines whole."""
_DIFF_STYLES: Final = {"+": "green", "-": "red", "@": "cyan"}


def result_console(piped_columns: int = _PIPED_COLUMNS) -> Console:
    """Standard output: as wide as the terminal, or as COLUMNS says; else of ``piped_columns``.

    A name in brackets is text, and no style: teams and models may be called so.
    """
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return Console(markup=False)
    return Console(width=piped_columns, markup=False)


def print_table(console: Console, table: RenderableType) -> None:
    """Print a table; outside of a terminal without the blanks that fill its lines."""
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        console.out(line.rstrip(), highlight=False)


def print_line(console: Console, line: Text) -> None:
    """One line, without blanks at its end."""
    line.rstrip()
    console.print(line, highlight=False)


def print_lines(console: Console, lines: Iterable[str]) -> None:
    """Lines of user text, which the console does not wrap."""
    for line in lines:
        console.print(Text(plain_text(line)), soft_wrap=True)


def print_diff_lines(console: Console, lines: Iterable[str]) -> None:
    """Lines of a unified diff, in its colors."""
    for line in lines:
        console.print(Text(plain_text(line), _DIFF_STYLES.get(line[:1], "")), soft_wrap=True)


def plain_text(text: str) -> str:
    """User text for a terminal: no character that could move the cursor or change colors, except line ends."""
    return "".join(one if one.isprintable() or one == "\n" else "\u00b7" for one in text)
