"""The rollouts for those who serve on a machine: a file in the spool's folder, written by the shipper.

Who reads the configuration watches it like a file of that. It replaces the one before as a whole, so no half of it is
ever there. What else stands in it is told by ``RolloutFileUnusable``, and changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, Final

import orjson

from extproc.domain.rollouts import RolloutShare

ROLLOUT_FILE: Final = "rollouts.json"
ROLLOUT_FILE_BYTES_MAX: Final = 4 * 1024 * 1024
FORMAT: Final = 1
_NEW: Final = ".new"
_NAMES: Final = ("id", "model", "stable", "canary")
_WEIGHTS: Final = ("stable_weight", "canary_weight")
_FLAGS: Final = ("measures", "by_mesh")
_FINGERPRINTS: Final = ("stable_fingerprint", "canary_fingerprint")


class RolloutFileUnusable(Exception):
    """A file that cannot be used. The message says what is wrong with it."""


def write_rollout_file(root: Path, shares: Iterable[RolloutShare]) -> bool:
    """Replace the file, if it says something else: a new one is a reload. Raises: OSError.

    Args: root: of the spool.
    Returns: whether it was replaced.
    """
    text = orjson.dumps({"format": FORMAT, "rollouts": [share_to_json(one) for one in shares]})
    return replace_file(root / ROLLOUT_FILE, text)


def replace_file(file: Path, text: bytes) -> bool:
    """Replace a file as a whole, if it says something else. Returns: whether it was replaced. Raises: OSError."""
    new = file.with_name(f"{file.name}{_NEW}")
    try:
        if file.read_bytes() == text:
            return False
    except FileNotFoundError:
        pass
    opened = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(opened, "wb") as stream:
        stream.write(text)
    new.replace(file)
    return True


def parse_rollout_file(text: bytes) -> tuple[RolloutShare, ...]:
    """Read its content. Raises: RolloutFileUnusable."""
    if len(text) > ROLLOUT_FILE_BYTES_MAX:
        raise RolloutFileUnusable(f"it has more than {ROLLOUT_FILE_BYTES_MAX} bytes")
    try:
        tree = orjson.loads(text)
    except ValueError:
        raise RolloutFileUnusable("it is no JSON") from None
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise RolloutFileUnusable("another release wrote it")
    listed = tree.get("rollouts")
    if not isinstance(listed, list):
        raise RolloutFileUnusable("`rollouts` is no list")
    shares = tuple(_share(f"rollouts[{number}]", one) for number, one in enumerate(listed))
    if len({one.id for one in shares}) < len(shares):
        raise RolloutFileUnusable("two rollouts have the same id")
    return shares


def share_to_json(share: RolloutShare) -> dict[str, Any]:
    """As JSON, for another process."""
    return {**share._asdict(), "teams": list(share.teams)}


def share_of_json(tree: Mapping[str, Any]) -> RolloutShare:
    """The inverse of ``share_to_json``."""
    return RolloutShare(**{**tree, "teams": tuple(tree["teams"])})


def _share(place: str, tree: Any) -> RolloutShare:
    if not isinstance(tree, dict) or tree.keys() != set(RolloutShare._fields):
        raise RolloutFileUnusable(f"{place} has not the keys of a rollout")
    problems = [
        *(f"{name} is no text" for name in (*_NAMES, *_FINGERPRINTS) if not isinstance(tree[name], str)),
        *(f"{name} is empty" for name in _NAMES if tree[name] == ""),
        *(() if _are_names(tree["teams"]) else ("teams is no list of texts",)),
        *(() if type(tree["step"]) is int and tree["step"] >= 0 else ("step is no whole number from 0 on",)),
        *(f"{name} is no whole number" for name in _WEIGHTS if type(tree[name]) not in (int, NoneType)),
        *(() if _is_share(tree["share"]) else ("share is no number from 0 to 1",)),
        *(f"{name} is neither true nor false" for name in _FLAGS if not isinstance(tree[name], bool)),
        *(("stable and canary are the same version",) if tree["stable"] == tree["canary"] else ()),
    ]
    if problems:
        raise RolloutFileUnusable(f"{place}.{problems[0]}")
    return share_of_json({**tree, "share": float(tree["share"])})


def _are_names(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(one, str) for one in value)


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1
