"""One run of the process that allocates what is settled, as its parent sees it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

COMMAND: Final = (sys.executable, "-m", "extproc.ledger.allocation.settling")
LINE_BYTES_MAX: Final = 1_048_576
EXCHANGES_MAX: Final = 2_000_000
"""A day with more is left to the command; they take 450 MB."""


class SettledDays(NamedTuple):
    """Attributes:
    problems: sentences; empty: all was allocated but for what is too large.
    too_large: days that are left to the command, such as 2026-11-29.
    unknown: exchanges of servers that the configuration does not have, by address; empty: not known.
    """

    problems: Sequence[str]
    too_large: Sequence[str]
    unknown: Mapping[str, int]


class SettlingRun:
    """It runs until ``result`` is something, or it is stopped.

    Args: settings: see ``settle``.
    Raises: OSError: it cannot be started.
    """

    def __init__(self, settings: Mapping[str, Any], command: Sequence[str] = COMMAND) -> None:
        self._settings = settings
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        self.result: SettledDays | None = None
        self._thread = threading.Thread(target=self._hear, name="settling", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it; a day is written whole or not at all."""
        self._process.kill()
        self._thread.join()

    def _hear(self) -> None:
        """In its thread: that it reads, and what it says, is waited for."""
        line = b""
        with self._process as process:
            assert process.stdin is not None
            assert process.stdout is not None
            with contextlib.suppress(OSError):  # it has ended
                process.stdin.write(orjson.dumps(self._settings) + b"\n")
                process.stdin.flush()
            line = process.stdout.readline(LINE_BYTES_MAX)
            status = process.wait()
        self.result = _result(line, status)


def _result(line: bytes, status: int) -> SettledDays:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        found = orjson.loads(line)
        return SettledDays(found["problems"], found["too_large"], found["unknown"])
    how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with exit code {status}"
    return SettledDays([f"the process that allocates {how}"], [], {})
