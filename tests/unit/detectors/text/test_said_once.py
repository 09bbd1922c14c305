"""What all windows say once, told together, is what each says by itself."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.text.said_once import sums_of_equal_windows, sums_of_windows

WEIGHTS = np.arange(-6, 6, dtype=np.int8)
FEATURES = st.lists(st.integers(0, len(WEIGHTS) - 1), min_size=24, max_size=60)


def said_once(features: np.ndarray) -> int:
    """The sum of the weights of what is there, each counted once."""
    return int(WEIGHTS[np.unique(features)].sum(dtype=np.int32))


@given(FEATURES, st.integers(1, 3), st.integers(1, 8))
def test_windows_of_one_length(row: list[int], kinds: int, length: int) -> None:
    """Whatever is repeated, within a window or before it, and by another kind at the same place."""
    features = np.array(row[: len(row) // kinds * kinds]).reshape(kinds, -1)
    starts = np.arange(0, features.shape[1] - length + 1, 3)
    sums = sums_of_equal_windows(features, WEIGHTS, starts, length)
    assert sums.tolist() == [said_once(features[:, start : start + length]) for start in starts]


@given(FEATURES, st.integers(1, 4), st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), min_size=1))
def test_windows_of_any_length(row: list[int], kinds: int, spans: list[tuple[int, int]]) -> None:
    """Empty ones, and such as end with the row, among them."""
    features = np.array(row[: len(row) // kinds * kinds]).reshape(-1, kinds)
    first = np.array([start for start, _ in spans])
    last = np.minimum(first + np.array([length for _, length in spans]), len(features))
    sums = sums_of_windows(features, WEIGHTS, np.minimum(first, last), last)
    assert sums.tolist() == [said_once(features[a:b]) for a, b in zip(np.minimum(first, last), last, strict=True)]


def test_no_features_at_all() -> None:
    """A text of blanks has no word."""
    none = np.zeros((0, 4), np.int64)
    assert sums_of_windows(none, WEIGHTS, np.zeros(2, np.int64), np.zeros(2, np.int64)).tolist() == [0, 0]
