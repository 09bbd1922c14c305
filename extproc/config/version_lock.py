"""The lock file: what each version means, committed with the configuration, so that no version changes unnoticed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from extproc.config.version_units import Parts, changed_parts, fingerprint_of

LOCK_BYTES_MAX: Final = 16_777_216
_ABOUT: Final = "Written by `extproc versions lock`, for `extproc check --locked`. Commit it, and do not edit it."

LockProblem = Literal["changed", "not locked"]


class LockInvalid(Exception):
    """The lock file cannot be used; the message says why and what to do."""


class Unlocked(NamedTuple):
    """A version that is not as the lock file has it, and the parts that changed."""

    version: str
    problem: LockProblem
    changed: list[str]


def lock_text(versions: Mapping[str, Parts]) -> str:
    """The content of a lock file. Args: versions: parts by MODEL/VERSION."""
    locked = {name: {"fingerprint": fingerprint_of(parts), "parts": parts} for name, parts in sorted(versions.items())}
    return json.dumps({"about": _ABOUT, "versions": locked}, indent=2, ensure_ascii=False) + "\n"


def parse_lock(content: bytes, name: str) -> dict[str, Parts]:
    """The parts by MODEL/VERSION of a lock file. Args: name: of the file, for messages. Raises: LockInvalid."""
    if len(content) > LOCK_BYTES_MAX:
        raise LockInvalid(f"{name} is longer than {LOCK_BYTES_MAX:,} bytes, so it is no lock file.")
    try:
        found = _versions(json.loads(content))
    except (ValueError, RecursionError):
        found = None
    if found is None:
        raise LockInvalid(f"{name} is no lock file. `extproc versions lock` writes one.")
    return found


def unlocked(versions: Mapping[str, Parts], locked: Mapping[str, Parts]) -> Iterator[Unlocked]:
    """The versions that are not as locked, in document order; those that have gone are no problem."""
    for name, parts in versions.items():
        if name not in locked:
            yield Unlocked(name, "not locked", [])
        elif changed := changed_parts(locked[name], parts):
            yield Unlocked(name, "changed", changed)


def _versions(data: Any) -> dict[str, Parts] | None:
    """None if it is not what ``lock_text`` writes."""
    versions = data.get("versions") if isinstance(data, dict) else None
    if not isinstance(versions, dict):
        return None
    found: dict[str, Parts] = {}
    for name, one in versions.items():
        parts = one.get("parts") if isinstance(one, dict) else None
        if not isinstance(parts, dict) or not all(isinstance(value, str) for value in parts.values()):
            return None
        found[name] = parts
    return found
