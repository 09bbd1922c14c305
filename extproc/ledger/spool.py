"""The spool of one process: a folder with segments, a lock, and the slots of open exchanges.

Each process makes a folder of its own below the spool, so no two write to one file. While it holds the lock, the folder
is its own; a shipper that gets the lock later knows that it is gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from extproc.ledger.segments import SEGMENT_BYTES, FieldNames, head_line, line_of, segment_file, segments_of

LOCK: Final = "lock"
OPEN: Final = "open"
_PREFIX: Final = "p-"
_FIELDS: Final = FieldNames()
Fsync = Literal["each", "interval", "none"]


class SpoolTaken(Exception):
    """Another process has the lock of a folder."""


class SpoolLock:
    """The lock of a folder, until it is closed or the process ends."""

    def __init__(self, folder: Path, name: str = LOCK) -> None:
        """Raises: SpoolTaken, OSError."""
        file = folder / name
        self._opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(self._opened).st_ino != file.stat().st_ino:  # it was removed before we got it
                raise FileNotFoundError
        except (BlockingIOError, FileNotFoundError):
            os.close(self._opened)
            raise SpoolTaken from None
        except OSError:
            os.close(self._opened)
            raise

    def close(self) -> None:
        """Release it."""
        os.close(self._opened)


def new_folder(root: Path) -> tuple[Path, SpoolLock]:
    """A folder for this process, and its lock. Raises: OSError."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        # The time only sorts folders for people; the rest of the name is unique.
        folder = root / f"{_PREFIX}{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(6)}"
        folder.mkdir(mode=0o700)
        try:
            return folder, SpoolLock(folder)
        except (SpoolTaken, FileNotFoundError):  # a shipper took it for that of a process that is gone
            continue


def process_folders(root: Path) -> list[Path]:
    """The folders of all processes, by name. Raises: OSError."""
    return sorted(folder for folder in root.iterdir() if folder.name.startswith(_PREFIX) and folder.is_dir())


def size_of_spool(root: Path) -> int:
    """The size of all segments. [bytes]"""
    total = 0
    try:
        for folder in process_folders(root):
            for number in segments_of(folder):
                try:
                    total += segment_file(folder, number).stat().st_size
                except FileNotFoundError:  # it was stored meanwhile
                    continue
    except OSError:
        return total
    return total


class SegmentWriter:
    """Appends records to the segments of a folder. For one thread.

    Args:
        fsync: ``each``: every call of ``append`` waits for the disk; ``interval``: ``sync_if_due`` does; ``none``.
        sequence: of the last record that is there.
        fields: of the records.
    """

    def __init__(
        self,
        folder: Path,
        fsync: Fsync = "none",
        interval_s: float = 0.1,
        sequence: int = 0,
        fields: FieldNames = _FIELDS,
    ) -> None:
        """Goes on behind what is there, in a segment of its own. Raises: OSError."""
        self._folder = folder
        self._fsync = fsync
        self._interval_s = interval_s
        self._opened = -1
        self._size = 0
        self._number = max(segments_of(folder), default=0)
        self._dirty = False
        self._synced_s = time.monotonic()
        self._fields = fields
        self.sequence = sequence

    def append(self, records: Sequence[bytes]) -> int:
        """Append records, all or none. Returns: how many bytes. Raises: OSError; the segment is as before then."""
        if self._opened < 0 or self._size >= SEGMENT_BYTES:
            self.close()
            self._next_segment()
        first = self.sequence + 1
        content = b"".join([line_of(first + number, json) for number, json in enumerate(records)])
        self._write(content)
        self.sequence += len(records)
        self._dirty = True
        if self._fsync == "each":
            self._sync()
        return len(content)

    def sync_if_due(self) -> None:
        """Wait for the disk if the interval is over. Raises: OSError."""
        if self._dirty and self._fsync == "interval" and time.monotonic() - self._synced_s >= self._interval_s:
            self._sync()

    def close(self) -> None:
        """Close the segment, and wait for the disk unless the policy is ``none``. Raises: OSError."""
        if self._opened < 0:
            return
        if self._dirty and self._fsync != "none":
            self._sync()
        os.close(self._opened)
        self._opened = -1

    def _sync(self) -> None:
        """Wait for the disk. Where that fails the kernel may have dropped what it had, so nothing more goes there."""
        self._synced_s = time.monotonic()
        self._dirty = False
        try:
            os.fdatasync(self._opened)
        except OSError:
            os.close(self._opened)
            self._opened = -1
            raise

    def _write(self, content: bytes) -> None:
        """Write all of it, or nothing."""
        written = 0
        try:
            while written < len(content):
                written += os.write(self._opened, content[written:] if written else content)
        except OSError:
            if written:
                self._undo()
            raise
        self._size += len(content)

    def _undo(self) -> None:
        """Take a half-written line back; where that fails, what follows goes to another segment."""
        try:
            os.ftruncate(self._opened, self._size)
        except OSError:
            os.close(self._opened)
            self._opened = -1

    def _next_segment(self) -> None:
        self._number += 1
        file = segment_file(self._folder, self._number)
        self._opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = 0
        try:
            self._write(head_line(self.sequence + 1, self._fields))
            if self._fsync != "none":
                _sync_folder(self._folder)
        except OSError:
            if self._opened >= 0:
                os.close(self._opened)
            self._opened = -1
            with contextlib.suppress(OSError):
                file.unlink()  # an attempt a second on a full disk would leave many
                self._number -= 1
            raise


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
