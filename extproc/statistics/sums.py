"""Sums of a block: all that evidence reads of answers. Those of workers, replicas and minutes add up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from extproc.statistics.arrays import Floats

LOG_MAX: Final = 750.0
"""No logarithm of a 64-bit float is beyond it."""
COUNT_MAX: Final = 1e15
"""Up to it sums of whole numbers are exact in a 64-bit float."""


@dataclass(frozen=True, slots=True)
class BlockSums:
    """``count`` answers, the ``total`` of their values and of the ``squares`` of these.

    A rate counts 1 for an answer with the event and 0 for others. A length or duration counts its natural logarithm;
    one of 0 has none, and is a rate of its own.
    """

    count: float = 0.0
    total: float = 0.0
    squares: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no values have."""
        finite = all(map(math.isfinite, (self.count, self.total, self.squares)))
        if not (
            finite
            and 0.0 <= self.count <= COUNT_MAX
            and abs(self.total) <= LOG_MAX * self.count
            and 0.0 <= self.squares <= LOG_MAX**2 * self.count
        ):
            raise ValueError(
                f"sums of a block: expected 0 <= count <= {COUNT_MAX:g} and values (events 0 or 1, natural logarithms) "
                f"between {-LOG_MAX:g} and {LOG_MAX:g}, got {self}"
            )

    @classmethod
    def of_events(cls, count: float, events: float) -> BlockSums:
        """Of a rate."""
        if not 0.0 <= events <= count:
            raise ValueError(f"sums of a rate: expected 0 <= events <= {count:g} answers, got {events:g}")
        return cls(count, events, events)

    @classmethod
    def of_values(cls, values: Iterable[float]) -> BlockSums:
        """Of lengths or durations, by their logarithms; values that are not above 0 have none and are left out."""
        logs = [math.log(value) for value in values if value > 0]
        return cls(len(logs), math.fsum(logs), math.fsum(one * one for one in logs))

    def __add__(self, other: BlockSums) -> BlockSums:
        """Of the answers of both."""
        return BlockSums(self.count + other.count, self.total + other.total, self.squares + other.squares)

    def since(self, before: BlockSums) -> BlockSums:
        """The increase of a counter. One that counts fewer answers than before has begun again: all of it is new."""
        if self.count < before.count:
            return self
        squares = max(self.squares - before.squares, 0.0)  # rounding
        return BlockSums(self.count - before.count, self.total - before.total, squares)


@dataclass(frozen=True, slots=True)
class SumArrays:
    """The same of many series at once, in the last axis by stratum."""

    count: Floats
    total: Floats
    squares: Floats

    @classmethod
    def of(cls, several: Sequence[BlockSums]) -> SumArrays:
        """Of one series, by stratum."""
        rows = np.array([(one.count, one.total, one.squares) for one in several], dtype=np.float64).reshape(-1, 3)
        return cls(rows[:, 0], rows[:, 1], rows[:, 2])

    @classmethod
    def zeros(cls, shape: tuple[int, ...]) -> SumArrays:
        """Of no answers."""
        return cls(np.zeros(shape), np.zeros(shape), np.zeros(shape))

    def plus(self, other: SumArrays) -> SumArrays:
        """Of the answers of both."""
        return SumArrays(self.count + other.count, self.total + other.total, self.squares + other.squares)

    def times(self, factor: Floats) -> SumArrays:
        """As if each answer counted that much."""
        return SumArrays(self.count * factor, self.total * factor, self.squares * factor)

    def mean(self) -> Floats:
        """Of the values; 0 where none is counted."""
        return self.total / np.maximum(self.count, 1.0)

    def variance(self) -> Floats:
        """Of the values, not below 0."""
        return np.maximum(self.squares / np.maximum(self.count, 1.0) - self.mean() ** 2, 0.0)
