"""The demo's stops as a table, and one below the other in a narrow terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from extproc.demo.shown import TABLE_COLUMNS_MIN, print_stops
from extproc.demo.stop import Found, Stop

RIGHT = Stop(
    "A stop",
    "[red]sent[/red]",
    "why",
    client_saw="seen by the client",
    model_saw="seen by the model",
    measured="1 block",
    found=(Found("pii", "request", "EMAIL", 1),),
)
WRONG = Stop("Another", "x" * 200, "why", wrong=["it is not so"])


def printed(columns: int) -> str:
    """Both stops, as plain text."""
    console = Console(width=columns, file=io.StringIO())
    with console.capture() as capture:
        print_stops(console, [RIGHT, WRONG])
    return capture.get()


@pytest.mark.parametrize("columns", [80, TABLE_COLUMNS_MIN - 1, TABLE_COLUMNS_MIN, 200])
def test_every_width_shows_all_of_a_stop(columns: int) -> None:
    """Its mark, and its texts as they are: square brackets are not rich's markup."""
    text = printed(columns)
    assert all(
        word in text for word in ("ok", "wrong", "A stop", "seen by the client", "[red]sent[/red]", "1 block", "EMAIL")
    )
    assert max(len(line) for line in text.splitlines()) <= columns


def test_a_narrow_terminal_gets_no_table() -> None:
    """Six columns would be a word wide."""
    assert "┃" in printed(TABLE_COLUMNS_MIN)
    assert "┃" not in printed(TABLE_COLUMNS_MIN - 1)
    assert "     client    seen by the client" in printed(80)


def test_long_texts_end_in_dots() -> None:
    """After 90 characters."""
    assert printed(300).count("x") == 89
    assert "…" in printed(300)
