"""The log of several processes on one standard output: whole lines only.

The system keeps a short write to a pipe whole, and may put others between the pieces of a long one. So whoever writes a
long line has the output to itself meanwhile; those who write short ones only wait for that.
"""

from __future__ import annotations

import fcntl
import os
import select
from pathlib import Path

_LOCK_FILE = "log.lock"


class WholeLines:
    """A stream for ``open_log``: what is written to it is whole lines, each given to the system as one piece.

    Args: folder: the processes that share the output share this folder.
    """

    def __init__(self, fd: int, folder: Path) -> None:
        self._fd = fd
        self._lock = os.open(folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, line: str) -> None:
        """Write one line. Raises: OSError, as when its reader has gone."""
        content = line.encode("utf-8", "backslashreplace")
        fcntl.flock(self._lock, fcntl.LOCK_SH if len(content) <= select.PIPE_BUF else fcntl.LOCK_EX)
        try:
            while content:
                content = content[os.write(self._fd, content) :]
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def flush(self) -> None:
        """Nothing is kept back."""
