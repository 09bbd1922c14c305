"""Sums of windows in which each feature counts once, for all windows of a slice together.

A text that repeats itself has a window after window that looks bad until its repetitions are taken out. One by one that
is dear; here a feature counts in a window if it has not occurred between the window's beginning and itself, which one
comparison of whole arrays tells.
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
    """Of each window of ``length`` places that begins at one of ``starts``.

    Args:
        features: what stands at each place, shape (kinds, places).
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
    """Of each window from place ``first`` up to place ``last``, which may differ in length.

    Args:
        features: what stands at each place, shape (places, kinds).
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
    """For each place, the last one before it with the same feature; -1 where there is none. Both fit 64 bits."""
    place_bits = len(row).bit_length()
    keys: Any = (row << place_bits) | np.arange(len(row))
    keys.sort()  # of plain numbers, and so several times as fast as a stable ``argsort``
    order, ordered = keys & ((1 << place_bits) - 1), keys >> place_bits
    same = ordered[1:] == ordered[:-1]
    before = np.full(len(row), -1, np.int64)
    before[order[1:][same]] = order[:-1][same]
    return before
