"""The log of several processes on one standard output: whole lines only.

The system writes short data to a pipe atomically, but may interleave long data. So the writer of a long line takes an
exclusive lock, and writers of short lines a shared one.
"""

from __future__ import annotations

import fcntl
import os
import select
from pathlib import Path

from extproc.server.operations.log_lines import Output

_LOCK_FILE = "log.lock"


class WholeLines(Output):
    """A stream for ``open_log``: receives whole lines, and writes each atomically.

    Args: folder: shared by all processes with the same output.
    """

    def __init__(self, fd: int, folder: Path) -> None:
        super().__init__(fd)
        self._lock = os.open(folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, text: str) -> None:
        """Write whole lines. Raises: OSError, for example if the reader is gone."""
        is_short = len(text.encode("utf-8", "backslashreplace")) < select.PIPE_BUF
        fcntl.flock(self._lock, fcntl.LOCK_SH if is_short else fcntl.LOCK_EX)
        try:
            super().write(text)
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)
