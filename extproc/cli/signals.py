"""How signals end a command that has children or temporary files: they are ended and removed first."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO

import typer

from extproc.cli.exit_codes import ExitCode

CLEANUP_S_MAX: Final = 10.0
"""How long a further signal does not interrupt the cleanup."""
SIGNAL_WAIT_S_MAX: Final = 0.25
"""The longest that the main thread may wait in one call that only a signal ends.

Python runs a handler between two steps of the main thread, and a signal that comes between the last step and a system
call does not interrupt the call: without a limit, the handler runs when the call returns, which may be never.
"""
_ENDINGS: Final = {
    signal.SIGHUP: ("the terminal is gone", ExitCode.HUNG_UP),
    signal.SIGINT: ("interrupted", ExitCode.INTERRUPTED),
    signal.SIGTERM: ("terminated", ExitCode.TERMINATED),
}


def to_nowhere(stream: TextIO) -> None:
    """Drop what a stream still has to write, as its terminal is gone: else an error would replace the exit code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def unwound_by_signals() -> Iterator[None]:
    """Within, a signal raises SystemExit, so that every context manager cleans up.

    A person presses Ctrl-C again while that takes a second, which must not leave children behind: further signals are
    ignored meanwhile. Signals that the caller had ignored stay ignored.
    """
    last_s = -CLEANUP_S_MAX

    def end(number: int, _frame: Any) -> None:
        nonlocal last_s
        if time.monotonic() - last_s < CLEANUP_S_MAX:
            return
        last_s = time.monotonic()
        sentence, code = _ENDINGS[signal.Signals(number)]
        try:
            typer.echo(("\n" if sys.stderr.isatty() else "") + f"extproc: {sentence}", err=True)
        except OSError:
            to_nowhere(sys.stderr)
        raise SystemExit(code)

    before = {number: signal.getsignal(number) for number in _ENDINGS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
