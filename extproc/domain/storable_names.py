"""Names of callers as stores and budgets have them."""

from __future__ import annotations

from typing import Final

NAME_BYTES_MAX: Final = 256
"""Longest name in an entry, in UTF-8; the rest of a longer one is dropped."""


def storable_name(text: str) -> str:
    """A name that every store and every terminal can take: bounded, without control characters and surrogates.

    Args: text: from a header or a token, so it may be anything.
    """
    if text.isascii() and text.isprintable() and len(text) <= NAME_BYTES_MAX:
        return text
    kept = text[:NAME_BYTES_MAX]
    plain = "".join([one if one.isprintable() else "\ufffd" for one in kept])
    return plain.encode("utf-8", "replace")[:NAME_BYTES_MAX].decode("utf-8", "ignore")
