"""Where the windows of an n-gram model lie, and which of them is the worst.

Positions are those of a folded text with a blank before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

BLOCK_BYTES: Final = 32
"""All windows are aligned to this, except the last one, which ends with the slice."""
SLICE_BYTES_MAX: Final = 16_384
"""Longer texts are read in slices of this size, overlapping by a window: memory stays bounded."""
WINDOWS_ALONE_MAX: Final = 8
"""This many suspicious windows are read one by one, enough for benign text; beyond that, the whole slice at once."""


class NgramShape(NamedTuple):
    """The features of a model.

    Attributes:
        bits: binary logarithm of the number of weights.
        byte_lengths: lengths of byte n-grams [bytes], each up to 8, at most three of them.
    """

    bits: int = 17
    byte_lengths: tuple[int, ...] = (5,)


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


class Scale(NamedTuple):
    """How a sum of integer weights becomes log odds: for one feature per byte, and what is added."""

    factor: float
    bias: float

    def odds(self, total: int, length_bytes: int) -> float:
        """The log odds of a window."""
        return total * self.factor / math.sqrt(length_bytes) + self.bias


class Best(NamedTuple):
    """The worst window: its log odds, start and end [bytes of the folded text]."""

    log_odds: float
    start: int
    end: int


class Scorer(Protocol):
    """Finds the worst window of a slice of a text. Two do, with the same results: by arrays, and by compiled loops."""

    def best(self, folded: bytes, narrow: bool, repeats_from: float) -> Best:
        """Args: as of ``NgramModel.best``; at most ``SLICE_BYTES_MAX``."""
        ...


def best_at(number: int, log_odds: float, shape: WindowShape, length_bytes: int) -> Best:
    """A window by its number. Args: length_bytes: of the positions."""
    start = start_of(number, shape, length_bytes)
    end = min(start - 1 + shape.size_bytes, length_bytes - 2)
    return Best(log_odds, max(start - 1, 0), end)


def start_of(number: int, shape: WindowShape, length_bytes: int) -> int:
    """The position at which a window starts: the last one ends with the slice."""
    return min(number * shape.step_bytes, length_bytes - shape.size_bytes)


def worse(wide: Best, narrow: Best) -> Best:
    """The narrow window only if it is worse by more than the doubt in it."""
    doubted = narrow.log_odds - NARROW.doubt
    return narrow._replace(log_odds=doubted) if doubted > wide.log_odds else wide


def worst_said_once(
    totals: Sequence[int],
    size_bytes: int,
    scale: Scale,
    repeats_from: float,
    total_once: Callable[[int], int],
) -> tuple[float, int]:
    """The log odds of the worst window, and its number, if the features of suspicious ones count once.

    Args:
        totals: of all windows, with their repetitions.
        repeats_from: log odds from which a window is suspicious.
        total_once: the total of a window without repetitions, by its number; asked in descending order of suspicion.
    """
    best, worst = -math.inf, 0
    for total, number in sorted(zip(totals, range(len(totals)), strict=True), reverse=True):
        log_odds = scale.odds(total, size_bytes)
        if log_odds <= best:
            break
        if log_odds > repeats_from:
            log_odds = min(log_odds, scale.odds(total_once(number), size_bytes))
        if log_odds > best:
            best, worst = log_odds, number
    return best, worst
