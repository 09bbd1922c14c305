"""``extproc top``: a live view of a running processor, from its metrics page."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from extproc.cli.live_screen import LiveReading, draw, not_suspended, own_screen
from extproc.cli.operations_pages import Samples, page_of, ready_of, refuse_absent, samples_of, url_of, why_absent
from extproc.cli.output import AsJson, print_json
from extproc.cli.progress import progress
from extproc.cli.rates import RateWindow, counters_of
from extproc.cli.review_keys import Keys
from extproc.cli.signals import SIGNAL_WAIT_S_MAX, unwound_by_signals
from extproc.cli.tables import result_console
from extproc.cli.top_data import Look, SortColumn, only_read, top_of
from extproc.cli.top_output import SORT_ORDER, State, screen, snapshot
from extproc.cli.top_shapes import TopJson
from extproc.cli.which_config import ConfigArgument, ConfigOption, config_file

INTERVAL_S: Final = 1.0

app = typer.Typer(add_completion=False)


@app.command("top")
def top_command(
    file: ConfigArgument = None,
    config: ConfigOption = None,
    team: Annotated[str, typer.Option(help="Only teams whose name has this part.", show_default=False)] = "",
    model: Annotated[str, typer.Option(help="Only versions with this part in MODEL/VERSION.", show_default=False)] = "",
    sort: Annotated[SortColumn, typer.Option(help="The column that rows are sorted by.")] = SortColumn.REQUESTS,
    reverse: Annotated[bool, typer.Option("--reverse", "-r", help="The smallest first.")] = False,
    interval: Annotated[
        float, typer.Option("--interval", "-i", min=0.1, max=60.0, help="Seconds between two readings.")
    ] = INTERVAL_S,
    as_json: AsJson = False,
) -> None:
    """Watch a running processor: requests, tokens, cost, latency by team and version. Exit 1: not there.

    A pipe gets one snapshot. Rates are of the last ten readings, those of a snapshot of one interval. Keys: < and >
    choose the column to sort by, r reverses, t and m choose teams and models, p pauses, q quits.
    """
    url = url_of(config_file(config, file))
    look = Look(team, model, sort, reverse)
    console = result_console()
    if as_json or not (console.is_terminal and sys.stdin.isatty()) or console.is_dumb_terminal:
        found = _measured(url, look, interval)
        if as_json:
            print_json(found)
        else:
            for line in snapshot(found, look, console.width):
                line.rstrip()
                console.print(line, soft_wrap=True, highlight=False)
        return
    try:
        with progress(f"Asking {url}"):
            first = _read(url)
    except (OSError, ValueError) as error:
        refuse_absent(url, error)
    pages = _Pages(url, first)
    with (
        unwound_by_signals(),
        not_suspended(),
        LiveReading(pages.read, interval) as reading,
        Keys() as keys,
        own_screen(console),
    ):
        _View(console, keys, pages, reading, look).run()


@dataclass(frozen=True, slots=True)
class _Page:
    """Both pages, and when they were read. Attributes: at_s: by a clock that only goes forward."""

    at_s: float
    ready: dict[str, Any]
    samples: Samples


def _read(url: str) -> _Page:
    """Raises: OSError; ValueError if they are another program's."""
    ready = ready_of(url)
    metrics = page_of(f"{url}/metrics")
    return _Page(time.monotonic(), ready, samples_of(only_read(metrics)))


def _measured(url: str, look: Look, interval_s: float) -> TopJson:
    """What two readings show; without a page the command ends."""
    window = RateWindow()
    try:
        with progress(f"Asking {url}"):
            before = _read(url)
            time.sleep(max(before.at_s + interval_s - time.monotonic(), 0.0))
            page = _read(url)
    except (OSError, ValueError) as error:
        refuse_absent(url, error)
    for one in (before, page):
        window.add(one.at_s, counters_of(one.samples))
    return top_of(url, page.ready, page.samples, window, look)


# --- live ----------------------------------------------------------------------------------------------------------


class _Pages:
    """The last pages that were read."""

    def __init__(self, url: str, first: _Page) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._window = RateWindow()
        self._take(first)

    def read(self) -> str:
        """Read them once more. Returns: why they are absent; empty: they are not."""
        try:
            page = _read(self._url)
        except (OSError, ValueError) as error:
            return why_absent(error)
        self._take(page)
        return ""

    def top(self, look: Look) -> TopJson:
        """What the last pages show."""
        with self._lock:
            return top_of(self._url, self._page.ready, self._page.samples, self._window, look)

    def _take(self, page: _Page) -> None:
        with self._lock:
            self._page = page
            self.clock = datetime.now(UTC).strftime("%H:%M:%S UTC")
            self._window.add(page.at_s, counters_of(page.samples))


class _View:
    """The screen and its keys. It is drawn when there is a new page, after a key, and in another size."""

    def __init__(self, console: Console, keys: Keys, pages: _Pages, reading: LiveReading, look: Look) -> None:
        self._console = console
        self._keys = keys
        self._pages = pages
        self._reading = reading
        self._look = look

    def run(self) -> None:
        """Until a person quits."""
        drawn: Any = None
        while True:
            state = (self._reading.readings, self._reading.paused, self._look, self._console.size)
            if state != drawn:
                drawn = state
                self._draw()
            if self._keys.is_pressed(SIGNAL_WAIT_S_MAX) and not self._take(self._keys.key()):
                return

    def _take(self, key: str | None) -> bool:
        """Do what a key says. Returns: whether to go on."""
        look = self._look
        if key in (None, "q"):
            return False
        if key in ("<", ",", ">", "."):
            step = -1 if key in ("<", ",") else 1
            place = (SORT_ORDER.index(look.sort) + step) % len(SORT_ORDER)
            self._look = replace(look, sort=SORT_ORDER[place])
        elif key == "r":
            self._look = replace(look, turned=not look.turned)
        elif key == "p":
            self._reading.paused = not self._reading.paused
        elif key == "t":
            self._look = replace(look, team=self._asked("team (empty: all)"))
        elif key == "m":
            self._look = replace(look, model=self._asked("model or version (empty: all)"))
        return True

    def _asked(self, what: str) -> str:
        """A line that a person types on the last line of the screen."""
        console = self._console
        console.control(Control.move_to(0, console.height - 1), Control((ControlType.ERASE_IN_LINE, 2)))
        console.show_cursor(True)
        console.print(Text(f"{what}: "), end="")
        try:
            return self._keys.line()
        finally:
            console.show_cursor(False)

    def _draw(self) -> None:
        console, reading = self._console, self._reading
        state = State(self._pages.clock, reading.paused, reading.absent)
        lines = screen(self._pages.top(self._look), self._look, state, console.width, console.height)
        draw(console, lines)
