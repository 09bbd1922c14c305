"""The files that keys for masks are read from, and what can be wrong with one."""

from __future__ import annotations

from extproc.config.document import Document
from extproc.config.guards.masking import MaskType
from extproc.config.guards.pii import PiiGuard
from extproc.config.problems import KeyPath, Places, Problem
from extproc.domain.masks import HASH_KEY_BYTES_MAX, HASH_KEY_BYTES_MIN


def mask_key_files(document: Document) -> list[tuple[KeyPath, str]]:
    """The key path and file of every key for masks, in the order of the document."""
    return [
        (("policies", number, "guards", index, "masking", "key_file"), guard.masking.key_file)
        for number, policy in enumerate(document.policies)
        for index, guard in enumerate(policy.guards)
        if isinstance(guard, PiiGuard) and guard.masking.type is MaskType.HASH and guard.masking.key_file is not None
    ]


def mask_key_problem(path: KeyPath, content: bytes, places: Places) -> Problem | None:
    """What is wrong with the bytes of a key file; HASH_KEY_BYTES_MAX + 1 of them are enough."""
    if HASH_KEY_BYTES_MIN <= len(content) <= HASH_KEY_BYTES_MAX:
        return None
    expected = f"{HASH_KEY_BYTES_MIN} to {HASH_KEY_BYTES_MAX} bytes"
    hint = "Make one with `openssl rand -out FILE 32`."
    return places.problem(path, "a key of the wrong length", expected=expected, hint=hint)
