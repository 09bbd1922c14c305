"""Checks of key files for masks."""

from __future__ import annotations

from extproc.config.problems import KeyPath, Places, Problem
from extproc.domain.masks import HASH_KEY_BYTES_MAX, HASH_KEY_BYTES_MIN


def mask_key_problem(path: KeyPath, content: bytes, places: Places) -> Problem | None:
    """The problem of a key file's bytes; HASH_KEY_BYTES_MAX + 1 of them are enough."""
    if HASH_KEY_BYTES_MIN <= len(content) <= HASH_KEY_BYTES_MAX:
        return None
    expected = f"{HASH_KEY_BYTES_MIN} to {HASH_KEY_BYTES_MAX} bytes"
    hint = "Make one with `openssl rand -out FILE 32`."
    return places.problem(path, "a key of the wrong length", expected=expected, hint=hint)
