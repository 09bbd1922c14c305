"""The lock file of a configuration on disk."""

from __future__ import annotations

from pathlib import Path

from extproc.config.version_lock import LOCK_BYTES_MAX, LockInvalid, parse_lock
from extproc.config.version_units import Parts
from extproc.server.sockets.address import reason_of


def lock_path(config: Path) -> Path:
    """Where the lock file of a configuration is: in its folder, with its name."""
    return config.with_suffix(".lock")


def read_lock(file: Path) -> dict[str, Parts]:
    """The parts by MODEL/VERSION of a lock file. Raises: LockInvalid."""
    try:
        with file.open("rb") as stream:
            content = stream.read(LOCK_BYTES_MAX + 1)
    except FileNotFoundError:
        raise LockInvalid(f"{file} does not exist. `extproc versions lock` writes it.") from None
    except OSError as error:
        raise LockInvalid(f"{file} cannot be read: {reason_of(error)}.") from error
    return parse_lock(content, str(file))
