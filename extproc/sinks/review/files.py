"""Who may read the files of a SQLite store: what is in them may be words of users, so never everybody.

A file that we make is for its user alone. One that was there before may be open to its group, which somebody will have
meant; what it allows to all others is taken away.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

_OTHERS = stat.S_IRWXO
_BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite writes beside its file, with that file's rights if it makes them itself."""


class OpenToOthers(Exception):
    """A file is open to everybody, and not ours to close. The message names it, and what to do."""


def closed_to_others(file: Path, creates: bool) -> Iterator[str]:
    """See that only the user and the group of a store can read or write it.

    Args: creates: whether a file that is not there is made.
    Returns: what was mended, or is to be mended.
    Raises: OSError, OpenToOthers.
    """
    opened = os.open(file, os.O_RDWR | (os.O_CREAT if creates else 0), 0o600)
    try:
        yield from _closed(file, opened)
    finally:
        os.close(opened)
    for ending in _BESIDE:
        beside = file.with_name(file.name + ending)
        try:
            opened = os.open(beside, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            yield from _closed(beside, opened)
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
