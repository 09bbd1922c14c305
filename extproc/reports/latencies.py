"""Quantiles of durations, from counts in buckets, for many groups at once.

A bucket reaches from ``e**(n/50)`` to ``e**((n+1)/50)`` microseconds. So counts of parts add up to those of the whole,
which quantiles do not, and a quantile is wrong by ``ERROR_MAX`` at most.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

BUCKETS_PER_E: Final = 50
ERROR_MAX: Final = math.exp(1 / BUCKETS_PER_E) - 1
"""Of a quantile, relative: 2.1 %."""
_BUCKETS: Final = 4_096  # more than those of 64-bit integers

_Integers = np.ndarray[Any, np.dtype[np.int64]]
_EMPTY: Final = np.zeros(0, dtype=np.int64)


class DurationTable:
    """How many durations each group has in each bucket; groups are numbers."""

    def __init__(self, keys: _Integers = _EMPTY, counts: _Integers = _EMPTY) -> None:
        self._keys, places = np.unique(keys, return_inverse=True)
        self._counts = np.bincount(places, weights=counts, minlength=len(self._keys)).astype(np.int64)

    @classmethod
    def of_durations(cls, groups: Sequence[int], lists: Sequence[str | None]) -> DurationTable:
        """Count the durations of groups. Args: lists: of each group, with commas between them; None: there are none."""
        written = ",".join([one for one in lists if one is not None])
        durations = np.fromstring(written, dtype=np.int64, sep=",") if written else _EMPTY
        lengths = [0 if one is None else one.count(",") + 1 for one in lists]
        buckets = np.floor(np.log(np.maximum(durations, 1)) * BUCKETS_PER_E).astype(np.int64)
        numbers = np.repeat(np.array(groups, dtype=np.int64), lengths)
        return cls(numbers * _BUCKETS + buckets, np.ones(len(buckets), dtype=np.int64))

    @classmethod
    def of_counts(cls, counts: Iterable[tuple[int, int, int]]) -> DurationTable:
        """What was counted elsewhere: groups, buckets and counts."""
        rows = np.array(list(counts), dtype=np.int64).reshape(-1, 3)
        return cls(rows[:, 0] * _BUCKETS + rows[:, 1], rows[:, 2])

    @classmethod
    def sum_of(cls, tables: Iterable[DurationTable]) -> DurationTable:
        """All of them."""
        several = list(tables)
        keys = np.concatenate([_EMPTY, *(one._keys for one in several)])
        return cls(keys, np.concatenate([_EMPTY, *(one._counts for one in several)]))

    def as_one_group(self) -> DurationTable:
        """All groups together, as the group 0."""
        return DurationTable(self._keys % _BUCKETS, self._counts)

    def quantiles_us(self, share: float) -> dict[int, float]:
        """Of each group the duration that a share of all does not exceed; a group without durations is not there."""
        if not len(self._keys):
            return {}
        numbers, firsts = np.unique(self._keys // _BUCKETS, return_index=True)
        totals = np.add.reduceat(self._counts, firsts)
        upto = np.cumsum(self._counts)
        before_group = np.cumsum(totals) - totals
        ranks = np.maximum(np.ceil(share * totals).astype(np.int64), 1)
        places = np.searchsorted(upto, before_group + ranks)
        within = before_group + ranks - (upto[places] - self._counts[places])
        exact = self._keys[places] % _BUCKETS + (within - 0.5) / self._counts[places]
        return dict(zip(numbers.tolist(), np.exp(exact / BUCKETS_PER_E).tolist(), strict=True))
