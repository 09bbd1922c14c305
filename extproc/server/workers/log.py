"""The log of several processes on one standard output: whole lines only.

The system keeps a short write to a pipe whole, and may put others between the pieces of a long one. So whoever writes a
long line has the output to itself meanwhile; those who write short ones only wait for that.
"""

from __future__ import annotations

import fcntl
import os
import select
from pathlib import Path

from extproc.server.operations.log_lines import Output

_LOCK_FILE = "log.lock"


class WholeLines(Output):
    """A stream for ``open_log``: what is written to it is whole lines, each given to the system as one piece.

    Args: folder: the processes that share the output share this folder.
    """

    def __init__(self, fd: int, folder: Path) -> None:
        super().__init__(fd)
        self._lock = os.open(folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, text: str) -> None:
        """Write whole lines. Raises: OSError, as when their reader has gone."""
        is_short = len(text.encode("utf-8", "backslashreplace")) < select.PIPE_BUF
        fcntl.flock(self._lock, fcntl.LOCK_SH if is_short else fcntl.LOCK_EX)
        try:
            super().write(text)
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)
