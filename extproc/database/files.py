"""File permissions of a SQLite database: it may contain user text, so it must not be world-accessible.

A file that we create is private to its user. An existing file may be open to its group, presumably on purpose;
permissions of all others are removed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

_OTHERS = stat.S_IRWXO
_SIDE_FILE_ENDINGS = ("-wal", "-shm", "-journal")
"""Files that SQLite creates next to the database, with the same permissions."""


class OpenToOthers(Exception):
    """A file is world-accessible, and we may not change that. The message names it, and the fix."""


def closed_to_others(file: Path, creates: bool) -> Iterator[str]:
    """Make sure that only the user and group of a store can access it.

    Args: creates: whether to create a missing file.
    Returns: what was fixed, or has to be fixed.
    Raises: OSError, OpenToOthers.
    """
    opened = os.open(file, os.O_RDWR | (os.O_CREAT if creates else 0), 0o600)
    try:
        yield from _closed(file, opened)
    finally:
        os.close(opened)
    for ending in _SIDE_FILE_ENDINGS:
        sibling = file.with_name(file.name + ending)
        try:
            opened = os.open(sibling, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            yield from _closed(sibling, opened)
        finally:
            os.close(opened)
    mode = file.parent.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        yield f"{file.parent}: anybody may put another file in the store's place (mode {mode & 0o7777:o}): chmod o-w it"


def _closed(file: Path, opened: int) -> Iterator[str]:
    mode = stat.S_IMODE(os.fstat(opened).st_mode)
    if not mode & _OTHERS:
        return
    try:
        os.fchmod(opened, mode & ~_OTHERS)
    except OSError:
        hint = "it belongs to another user: have that user chmod o-rwx it, or name another file"
        raise OpenToOthers(f"{file}: everybody may read or write it (mode {mode:o}), and {hint}") from None
    yield f"{file}: everybody could read or write it (mode {mode:o}); now only its user and its group can"
