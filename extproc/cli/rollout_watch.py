"""``extproc rollout watch``: a live picture of a rollout, from the store."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console

from extproc.cli.ledger_opened import config_with_ledger, opened_ledger
from extproc.cli.live_screen import LiveReading, draw, not_suspended, own_screen
from extproc.cli.output import AsJson, print_json, refuse
from extproc.cli.progress import progress
from extproc.cli.review_keys import Keys
from extproc.cli.rollout_named import now_us
from extproc.cli.signals import SIGNAL_WAIT_S_MAX, unwound_by_signals
from extproc.cli.tables import result_console
from extproc.cli.which_config import ConfigOption, config_file

if TYPE_CHECKING:
    from extproc.cli.rollout_shapes import WatchedRolloutJson
    from extproc.cli.rollout_watch_data import WatchedRollout
    from extproc.ledger.store import LedgerStore

INTERVAL_S: Final = 1.0


def rollout_watch_command(
    rollout: Annotated[
        str | None,
        typer.Argument(
            metavar="ROLLOUT",
            help="Its name, its id, or the model; default: the last that runs or ran.",
            show_default=False,
        ),
    ] = None,
    interval: Annotated[
        float, typer.Option("--interval", "-i", min=0.1, max=60.0, help="Seconds between two readings.")
    ] = INTERVAL_S,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Watch a rollout: its share, each gate with its interval, and the time that is left. Key: q quits.

    A pipe gets one snapshot. The time left is by the traffic of the last day, and decides nothing.
    """
    kept = config_with_ledger(config_file(config))
    from extproc.cli.rollout_output import moment_of
    from extproc.cli.rollout_watch_data import WatchedRollout
    from extproc.cli.rollout_watch_output import snapshot

    console = result_console()
    with ExitStack() as opened:
        with progress("Reading the ledger"):
            picture = _Picture(opened.enter_context(opened_ledger(kept)), WatchedRollout(rollout))
            problem = picture.read_first()
        if problem:
            refuse(f"extproc rollout: {problem}")
        if as_json:
            print_json({"at": moment_of(now_us()), "rollout": picture.shown})
        elif not (console.is_terminal and sys.stdin.isatty()) or console.is_dumb_terminal:
            for line in snapshot(picture.shown, console.width):
                line.rstrip()
                console.print(line, soft_wrap=True, highlight=False)
        else:
            with (
                unwound_by_signals(),
                not_suspended(),
                LiveReading(picture.read, interval) as reading,
                Keys() as keys,
                own_screen(console),
            ):
                _run(console, keys, picture, reading)


class _Picture:
    """What was read last. Attributes: shown; clock: when."""

    shown: WatchedRolloutJson
    clock: str

    def __init__(self, store: LedgerStore, watched: WatchedRollout) -> None:
        self._store = store
        self._watched = watched

    def read_first(self) -> str:
        """Without a rollout the command ends. Returns: why it cannot be shown. Raises: StoreFailed."""
        try:
            with self._store.reading() as connection:
                shown = self._watched.read(connection, now_us())
        except (KeyError, TypeError, ValueError):
            return "its plan or journal is of another release, or damaged; `extproc rollout explain` says where"
        self.shown, self.clock = shown, datetime.now(UTC).strftime("%H:%M:%S UTC")
        return ""

    def read(self) -> str:
        """Once more. Returns: why it could not."""
        from extproc.database.engine import StoreFailed

        try:
            return self.read_first()
        except StoreFailed as failure:
            return f"the store does not answer ({failure})"


def _run(console: Console, keys: Keys, picture: _Picture, reading: LiveReading) -> None:
    """Until a person quits."""
    from extproc.cli.rollout_watch_output import WatchState, screen

    drawn: Any = None
    while True:
        state = (reading.readings, console.size)
        if state != drawn:
            drawn = state
            shown = WatchState(picture.clock, reading.absent)
            draw(console, screen(picture.shown, shown, console.width, console.height))
        if keys.is_pressed(SIGNAL_WAIT_S_MAX) and keys.key() in (None, "q"):
            return
