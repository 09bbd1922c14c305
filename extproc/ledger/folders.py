"""The folders of a spool: which processes are gone, and what every sink has, so that it can be removed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from extproc.ledger.places import SpoolPlace
from extproc.ledger.recovery import recover
from extproc.ledger.segments import segment_file, segments_of
from extproc.ledger.spool import LOCK, SpoolLock, SpoolTaken, process_folders

PlaceStored = Callable[[str], SpoolPlace | None]
"""Up to where one sink has a spool; None: it is not known yet."""


class GoneFound(NamedTuple):
    """What was found. ``died``: exchanges of killed processes."""

    died: int
    problems: list[str]


class SpoolFolders:
    """Looks after the folders, for all sinks. Only ``is_gone`` and ``has_all_of_gone`` may be called from any thread.

    The lock of a folder whose process is gone is held until the folder is removed, so nobody takes it for a new one.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._gone: dict[str, SpoolLock] = {}
        self._found = GoneFound(0, [])

    def is_gone(self, spool: str) -> bool:
        """Whether nothing more is written there."""
        return spool in self._gone

    def look(self) -> None:
        """Recover what processes left that are gone since the last call. Raises: OSError, after all were tried."""
        failed: OSError | None = None
        for folder in process_folders(self._root):
            if folder.name not in self._gone:
                try:
                    self._look_at(folder)
                except FileNotFoundError:  # of a process that starts, or another one's end
                    continue
                except OSError as error:  # of a full disk: what others left may make room
                    failed = error
        if failed is not None:
            raise failed

    def take(self) -> GoneFound:
        """What was found since the last call."""
        found, self._found = self._found, GoneFound(0, [])
        return found

    def _look_at(self, folder: Path) -> None:
        lock = _lock_of(folder)
        if lock is None:
            return
        try:
            recovered = recover(folder)
        except BaseException:
            lock.close()
            raise
        self._gone[folder.name] = lock
        problems = list(self._found.problems)
        if recovered.unreadable:
            problems.append(f"{folder.name}: {recovered.unreadable} open exchanges could not be read")
        self._found = GoneFound(self._found.died + recovered.died, problems)

    def remove_stored(self, stored: Sequence[PlaceStored]) -> None:
        """Remove segments that every sink has, and folders of processes that are gone with them. Raises: OSError."""
        for folder in process_folders(self._root):
            with contextlib.suppress(FileNotFoundError):
                places = [place_of(folder.name) for place_of in stored]
                lowest = min((0 if place is None else place.segment for place in places), default=0)
                for number in segments_of(folder):
                    if number < lowest:
                        segment_file(folder, number).unlink(missing_ok=True)
                if folder.name in self._gone and all(_has_all(place, folder) for place in places):
                    self._remove(folder)

    def has_all_of_gone(self, place_of: PlaceStored) -> bool:
        """Whether a sink has everything of processes that are gone. May be called from any thread. Raises: OSError."""
        for name in tuple(self._gone):
            with contextlib.suppress(FileNotFoundError):  # all sinks have it, so it was removed
                if not _has_all(place_of(name), self._root / name):
                    return False
        return True

    def close(self) -> None:
        """Release the locks."""
        for lock in self._gone.values():
            lock.close()
        self._gone.clear()

    def _remove(self, folder: Path) -> None:
        """The lock goes last."""
        for file in sorted(folder.iterdir(), key=lambda one: one.name == LOCK):
            file.unlink()
        folder.rmdir()
        self._gone.pop(folder.name).close()


def _lock_of(folder: Path) -> SpoolLock | None:
    """The lock of a folder whose process is gone; None: it runs."""
    if not (folder / LOCK).exists():
        # Its process has just made it, and makes another one if it is gone; or all but the folder was removed.
        with contextlib.suppress(OSError):
            folder.rmdir()
        return None
    try:
        return SpoolLock(folder)
    except SpoolTaken:
        return None


def _has_all(place: SpoolPlace | None, folder: Path) -> bool:
    """Whether a sink has all of a folder in which nothing is written any more. Raises: OSError."""
    sizes = {number: segment_file(folder, number).stat().st_size for number in segments_of(folder)}
    last = max((number for number, size in sizes.items() if size), default=0)
    if not last:
        return True
    return place is not None and (place.segment, place.at_byte) >= (last, sizes[last])
