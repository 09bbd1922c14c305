"""What a command does at the moment, on a terminal, while it takes longer than a person expects."""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, TextIO

SHOWN_AFTER_S: Final = 1.0
"""A line for what takes less would only flicker."""
_FRAME_S: Final = 0.1
_FRAMES: Final = "|/-\\"
_ERASED: Final = "\r\x1b[K"


class Progress:
    """One line of standard error, redrawn by a thread.

    The cursor stays visible and the line uses no color, so nothing has to be restored where a signal ends the process.
    """

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._done = threading.Event()
        self._started_s = time.monotonic()
        self._drawing = threading.Lock()
        self._erase: Callable[[], None] = lambda: None

    def say(self, doing: str) -> None:
        """From now on another text."""
        self._doing = doing

    def above(self, show: Callable[[], None]) -> None:
        """Print a result where the line stands; the line is drawn again below."""
        with self._drawing:
            self._erase()
            show()

    @contextmanager
    def shown_on(self, stream: TextIO) -> Iterator[None]:
        """Within, show the line on a terminal."""
        moves = os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")
        thread = threading.Thread(target=self._move if moves else self._list, args=(stream,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._done.set()
            thread.join()

    def _move(self, stream: TextIO) -> None:
        if self._done.wait(SHOWN_AFTER_S):
            return
        self._erase = partial(_write, stream, _ERASED)
        for frame in itertools.cycle(_FRAMES):
            line = f"{frame} {self._doing} ({time.monotonic() - self._started_s:.0f} s)"
            with self._drawing:
                _write(stream, f"{_ERASED}{line[: _columns(stream) - 1]}")
            if self._done.wait(_FRAME_S):
                break
        self._erase()

    def _list(self, stream: TextIO) -> None:
        """For a terminal that cannot erase: each text once."""
        told, wait_s = "", SHOWN_AFTER_S
        while not self._done.wait(wait_s):
            if self._doing != told:
                told = self._doing
                _write(stream, f"{told} ...\n")
            wait_s = _FRAME_S


@contextmanager
def progress(doing: str) -> Iterator[Progress]:
    """Show on a terminal's standard error what goes on; nothing where it is piped."""
    line = Progress(doing)
    if not sys.stderr.isatty():
        yield line
        return
    with line.shown_on(sys.stderr):
        yield line


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80
