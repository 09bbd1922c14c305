"""What live pictures have in common: a screen of their own, and a source that is read again and again.

Whatever ends them, the terminal is as it was before.
"""

from __future__ import annotations

import errno
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.control import Control
from rich.text import Text

from extproc.cli.exit_codes import ExitCode
from extproc.cli.signals import to_nowhere

_HOME: Final = Control.home()


class LiveReading:
    """Reads in a thread, within a context: a source that hangs must not hold up the keys.

    Args: read: one time. Returns: why it could not; empty: it could.
    Attributes: absent: of the last time; readings: how many there were; paused: to be set.
    """

    def __init__(self, read: Callable[[], str], interval_s: float) -> None:
        self._read = read
        self._interval_s = interval_s
        self._ended = threading.Event()
        self.absent = ""
        self.readings = 1
        self.paused = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._run, name="reading", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()

    def _run(self) -> None:
        took_s = 0.0
        while not self._ended.wait(max(self._interval_s, took_s)):  # a large source must not take all of a core
            if self.paused:
                continue
            began_s = time.monotonic()
            self.absent = self._read()
            took_s = time.monotonic() - began_s
            self.readings += 1


@contextmanager
def not_suspended() -> Iterator[None]:
    """Ctrl-Z would leave the shell with our screen, and without echo."""
    before = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)


@contextmanager
def own_screen(console: Console) -> Iterator[None]:
    """What was there before comes back, whatever ends this; a terminal that is gone has nothing to come back."""
    try:
        console.control(Control.alt_screen(True), Control.show_cursor(False))
        yield
    except OSError as error:  # before its signal has come
        if error.errno != errno.EIO:
            raise
        raise SystemExit(ExitCode.HUNG_UP) from None
    finally:
        try:
            console.control(Control.alt_screen(False), Control.show_cursor(True))
        except OSError:
            to_nowhere(sys.stdout)


def draw(console: Console, lines: Sequence[Text]) -> None:
    """Draw all lines of a screen, over those of before."""
    console.control(_HOME)
    for number, line in enumerate(lines, 1):
        line.pad_right(console.width - line.cell_len)
        console.print(line, end="" if number == len(lines) else "\n", no_wrap=True, crop=False, highlight=False)
