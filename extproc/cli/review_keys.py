"""One key of a terminal at a time, for ``extproc review next`` and ``extproc top``."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from extproc.cli.signals import SIGNAL_WAIT_S_MAX

_READ_BYTES: Final = 64
"""More than an arrow key sends."""
_END: Final = b"\x04"  # Ctrl-D


class Keys:
    """Standard input without waiting for line ends; a context manager that restores the terminal.

    Ctrl-C stays a signal. Keys pressed before a question are dropped: they meant another finding.
    """

    def __init__(self) -> None:
        self._fd = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._fd)

    def __enter__(self) -> Self:
        tty.setcbreak(self._fd, termios.TCSANOW)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)

    def drop(self) -> None:
        """Forget what was typed so far; call it before a question is shown."""
        termios.tcflush(self._fd, termios.TCIFLUSH)

    def is_pressed(self, within_s: float) -> bool:
        """Whether there is a key within that time, which is at most ``SIGNAL_WAIT_S_MAX``."""
        return bool(select.select([self._fd], [], [], min(within_s, SIGNAL_WAIT_S_MAX))[0])

    def key(self) -> str | None:
        """Wait for a key: its character in lower case, "" for any other key; None at the end of the input."""
        self._wait()
        typed = os.read(self._fd, _READ_BYTES)
        if not typed or typed == _END:
            return None
        return typed.decode("ascii", "replace").lower() if len(typed) == 1 else ""

    def line(self) -> str:
        """Wait for a line, with the terminal's own editing."""
        termios.tcsetattr(self._fd, termios.TCSANOW, self._before)
        try:
            self._wait()
            return sys.stdin.readline().strip()
        finally:
            tty.setcbreak(self._fd, termios.TCSANOW)

    def _wait(self) -> None:
        while not select.select([self._fd], [], [], SIGNAL_WAIT_S_MAX)[0]:
            pass
