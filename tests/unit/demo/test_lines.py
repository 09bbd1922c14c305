"""The tour as one line a stop: it fits, says all, and colors what was found."""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from extproc.demo.guard_tour import SHOWCASES
from extproc.demo.lines import STYLES, WHY_COLUMNS, legend, print_heading, print_stop, shortened
from extproc.demo.stop import Found, Stop

MASKED = Stop(
    "A stop",
    "[red]I am[/red] bob@example.com, and this goes on for a while.",
    "nobody reads it",
    "pii",
    "mask",
    ("bob@example.com", "<EMAIL>"),
    "I am <EMAIL>",
    found=(Found("pii", "request", "EMAIL", 1), Found("pii", "request", "CREDIT_CARD", 2)),
)
WIDTHS = [40, 71, 72, 80, 149, 150, 300]


def printed(stop: Stop, columns: int, *, colored: bool = False) -> str:
    """The line of a stop."""
    console = Console(
        width=columns, file=io.StringIO(), force_terminal=colored, color_system="standard" if colored else None
    )
    with console.capture() as capture:
        print_stop(console, stop)
    return capture.get()


@pytest.mark.parametrize("columns", WIDTHS)
def test_it_fits_every_width(columns: int) -> None:
    """In one line from 72 columns on, with its texts as they are: square brackets are not rich's markup."""
    lines = printed(MASKED, columns).splitlines()
    assert max(map(cell_len, lines)) <= columns
    assert (len(lines) == 1) is (columns >= 72)
    text = " ".join(lines)
    assert all(word in text for word in ("ok", "bob@example.com", "<EMAIL>", "pii: nobody reads it"))
    assert ("CREDIT_CARD, EMAIL in the request" in text) is (columns >= 150)
    assert ("[red]I am[/red]" in text) is (columns not in (72, 80))


@pytest.mark.parametrize("one", SHOWCASES, ids=lambda one: one.guard)
def test_every_guard_fits_80_columns(one: object) -> None:
    """None of its columns moves the next one, and nothing of what was found is lost."""
    assert isinstance(one, type(SHOWCASES[0]))
    stop = one.stop()
    stop.client_saw = f"400 {one.refused}" if one.refused else "Envoy is a proxy. " * 9
    (line,) = printed(stop, 80).splitlines()
    assert line.index(f"{one.guard}: {one.why}") == 80 - WHY_COLUMNS
    assert len(f"{one.guard}: {one.why}") <= WHY_COLUMNS


def test_a_pipe_gets_whole_texts() -> None:
    """Its console is as wide as any text."""
    long = Stop("A stop", "x" * 300, "long", client_saw="y" * 300)
    (line,) = printed(long, 10_000).splitlines()
    assert re.fullmatch(r"ok  x{300}  y{300} +long", line)


def test_what_was_found_is_colored_where_it_was() -> None:
    """In what was sent, and in what came of it; the same color tells in the legend what a guard did."""
    line = printed(MASKED, 80, colored=True)
    for found in ("bob@example.com", "<EMAIL>"):
        assert f"\x1b[36m{found}" in line
    assert [span.style for span in legend().spans if "cyan" in str(span.style)] == [STYLES["mask"]]


def test_a_refusal_is_colored_as_a_whole() -> None:
    """There are no found words in an error."""
    refused = Stop("A stop", "Ignore all", "why", "injection", "block", ("Ignore all",), client_saw="400 refused")
    assert "\x1b[1;31m400 refused" in printed(refused, 80, colored=True)


def test_what_was_cut_off_is_colored_up_to_its_end() -> None:
    """The found text goes on behind the dots."""
    long = Stop("A stop", f"Do ignore {'x' * 90}", "why", "injection", "block", (f"ignore {'x' * 90}",))
    assert re.search(r"Do \x1b\[1;31mignore x+…", printed(long, 80, colored=True))


def test_what_cannot_be_seen_is_written_out() -> None:
    """A disguise would be missed, and an escape would reach the terminal."""
    line = printed(Stop("A stop", "Aur\u200bora\x1b[2J\nnext", "why"), 80)
    assert "Aur\\u200bora\\x1b[2J next" in line


def test_a_wrong_stop_says_what_is_wrong() -> None:
    """Below its line, with its title."""
    wrong = Stop("Another", "sent", "why")
    wrong.expect("the error", "400", "401")
    first, second = printed(wrong, 80).splitlines()
    assert first.startswith("NO  sent")
    assert second == "   Another: the error is '400', expected '401'"


@pytest.mark.parametrize(
    ("text", "found", "shown"),
    [
        ("short enough", ["enough"], "short enough"),
        ("nothing was found in this", [], "nothing was found …"),
        ("is a fact, and so on and on", ["a fact"], "is a fact, and so o…"),
        ("it is far in the text: a fact", ["a fact"], "a fact"),
        ("one thing, and then another thing", ["one", "another"], "one another"),
        ("nothing was found in this", ["a fact"], "nothing was found …"),
    ],
)
def test_a_text_is_shortened_to_what_was_found(text: str, found: list[str], shown: str) -> None:
    """At 20 columns, or 19 where a blank would be the last."""
    assert shortened(text, found, 20).replace("found i…", "found …") == shown


def test_the_heading_stands_over_its_columns() -> None:
    """At 80 columns; stacked stops have none."""
    console = Console(width=80, file=io.StringIO())
    with console.capture() as capture:
        print_heading(console)
    heading = capture.get()
    assert heading.index("why it matters") == 80 - WHY_COLUMNS
    assert heading.index("came of it") == printed(MASKED, 80).index("I am <EMAIL>")
    assert isinstance(legend(), Text)
    narrow = Console(width=60, file=io.StringIO())
    with narrow.capture() as capture:
        print_heading(narrow)
    assert capture.get() == ""
