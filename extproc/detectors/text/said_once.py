"""Sums of windows with each feature counted once, for all windows of a slice together.

A repetitive text has many windows that look bad until repetitions are removed. Individually that is expensive; here a
feature counts in a window if it has not occurred between the window's beginning and itself, which is one comparison of
whole arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

PlaceIndices = npt.NDArray[np.int64]
Sums = npt.NDArray[np.int32]
_add_up: Any = np.add.reduce


def sums_of_equal_windows(
    features: PlaceIndices, weights: npt.NDArray[np.int8], starts: PlaceIndices, length: int
) -> Sums:
    """The sum of each window of ``length`` positions that begins at one of ``starts``.

    Args:
        features: of each position, shape (kinds, positions).
        weights: of each feature.
    """
    kinds = len(features)
    row: Any = features.T.ravel()
    first = starts * kinds
    windows = np.lib.stride_tricks.sliding_window_view
    counts: Any = windows(_before(row), length * kinds)[first] < first[:, None]
    values: Any = windows(weights.take(row), length * kinds)[first]
    sums: Sums = _add_up(values, 1, np.int32, where=counts)
    return sums


def sums_of_windows(
    features: PlaceIndices, weights: npt.NDArray[np.int8], first: PlaceIndices, last: PlaceIndices
) -> Sums:
    """The sum of each window from position ``first`` to position ``last``, of any length.

    Args:
        features: of each position, shape (positions, kinds).
    """
    kinds = features.shape[1]
    row: Any = features.ravel()
    if not len(row):
        return np.zeros(len(first), np.int32)
    begin, end = first[:, None] * kinds, last[:, None] * kinds
    lengths: Any = last - first
    places = begin + np.arange(int(lengths.max()) * kinds)
    inside = places < end
    places = np.minimum(places, len(row) - 1)
    counts: Any = inside & (_before(row).take(places) < begin)
    sums: Sums = _add_up(weights.take(row.take(places)), 1, np.int32, where=counts)
    return sums


def _before(row: PlaceIndices) -> PlaceIndices:
    """For each position, the previous one with the same feature; -1 if there is none. Both fit in 64 bits."""
    place_bits = len(row).bit_length()
    keys: Any = (row << place_bits) | np.arange(len(row))
    keys.sort()  # of plain numbers, several times faster than a stable ``argsort``
    order, ordered = keys & ((1 << place_bits) - 1), keys >> place_bits
    same = ordered[1:] == ordered[:-1]
    before = np.full(len(row), -1, np.int64)
    before[order[1:][same]] = order[:-1][same]
    return before
