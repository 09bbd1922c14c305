"""Sets of times, as whole microseconds: exact, so that what they have together can be counted."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from extproc.statistics.arrays import Ints


class Intervals(NamedTuple):
    """Half open, rising, apart from each other: ``begin[i] < end[i] < begin[i + 1]``. [us]"""

    begin: Ints
    end: Ints

    @classmethod
    def union(cls, begin: Ints, end: Ints) -> Self:
        """What any of some intervals has, in any order, also of none or of less."""
        is_some = end > begin
        order = np.argsort(begin[is_some], kind="stable")
        begin, end = begin[is_some][order], np.maximum.accumulate(end[is_some][order])
        if not len(begin):
            return cls(begin, end)
        is_first = np.concatenate(([True], begin[1:] > end[:-1]))
        return cls(begin[is_first], np.append(end[:-1][is_first[1:]], end[-1]))

    @classmethod
    def none(cls) -> Self:
        """No time."""
        return cls(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))

    def __or__(self, other: Intervals) -> Intervals:
        """What one of both has."""
        return Intervals.union(np.concatenate((self.begin, other.begin)), np.concatenate((self.end, other.end)))

    def without(self, other: Intervals) -> Intervals:
        """What this one has and the other has not."""
        if not len(self.begin) or not len(other.begin):
            return self
        cuts = np.sort(np.concatenate((*self, *other)))
        is_in = _holds(self, cuts[:-1]) & ~_holds(other, cuts[:-1])
        return Intervals.union(cuts[:-1][is_in], cuts[1:][is_in])

    def within(self, borders: Ints) -> Ints:
        """How much of it is in each slice between two borders. [us]"""
        return np.diff(self._up_to(borders))

    def _up_to(self, times: Ints) -> Ints:
        if not len(self.begin):
            return np.zeros(len(times), dtype=np.int64)
        lasts = np.concatenate(([0], np.cumsum(self.end - self.begin)))
        place = np.searchsorted(self.begin, times, "right")
        over = np.where(place > 0, np.maximum(self.end[place - 1] - times, 0), 0)
        found: Ints = lasts[place] - over
        return found


def _holds(one: Intervals, times: Ints) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    place = np.searchsorted(one.begin, times, "right") - 1
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = (place >= 0) & (times < one.end[np.maximum(place, 0)])
    return found
