"""Where the windows of an n-gram model lie. Positions are those of a folded text with a blank before it."""

from __future__ import annotations

from typing import Final, NamedTuple

BLOCK_BYTES: Final = 32
"""All windows are aligned to this, except the last one, which ends with the slice."""


class WindowShape(NamedTuple):
    """Windows of one length.

    Attributes:
        doubt: log odds subtracted from a window.
    """

    size_bytes: int
    step_bytes: int
    doubt: float


WIDE: Final = WindowShape(320, 64, 0.0)
NARROW: Final = WindowShape(128, 32, 0.5)
"""There are many of them, each another chance for a false positive."""


class Best(NamedTuple):
    """The worst window: its log odds, start and end [bytes of the folded text]."""

    log_odds: float
    start: int
    end: int


def best_at(number: int, log_odds: float, shape: WindowShape, length_bytes: int) -> Best:
    """A window by its number. Args: length_bytes: of the positions."""
    start = min(number * shape.step_bytes, length_bytes - shape.size_bytes)
    end = min(start - 1 + shape.size_bytes, length_bytes - 2)
    return Best(log_odds, max(start - 1, 0), end)
