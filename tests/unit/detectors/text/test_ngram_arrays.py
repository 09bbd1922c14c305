"""Numpy's pass over a text: sums of windows, whatever their number and length."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.text.ngram_arrays import ArrayScorer, FeatureReader, window_starts
from extproc.detectors.text.ngram_model import fold
from extproc.detectors.text.ngram_windows import WIDE, NgramShape, Scale

SHAPE = NgramShape(12, (3, 5))
WEIGHTS = np.random.default_rng(5).integers(-127, 128, 1 << SHAPE.bits).astype(np.int8)
SCORER = ArrayScorer(SHAPE, WEIGHTS.tobytes(), Scale(1.0, 0.0))


@given(st.lists(st.sampled_from([b"one thing ", b"and another, ", b"x "]), min_size=60, max_size=400).map(b"".join))
def test_all_windows_at_once_and_each_alone_are_the_same(text: bytes) -> None:
    """Of windows in which each feature counts once."""
    features = FeatureReader(SHAPE).read(fold(text))
    starts = window_starts(features.length_bytes)
    alone = [SCORER.total_said_once(features, int(start), WIDE.size_bytes) for start in starts]
    assert SCORER.totals_said_once(features, starts, WIDE.size_bytes) == alone


def test_many_suspicious_windows_are_scored_like_few() -> None:
    """More than are looked at one by one."""
    text = fold(b"zzyzx quux frobnicate " * 400)
    best = SCORER.best(text, False, -math.inf)
    features = FeatureReader(SHAPE).read(text)
    starts = window_starts(features.length_bytes)
    assert best.log_odds == max(
        min(SCORER._scale.odds(total, WIDE.size_bytes), SCORER._scale.odds(once, WIDE.size_bytes))
        for total, once in zip(_totals(text), SCORER.totals_said_once(features, starts, WIDE.size_bytes), strict=True)
    )


def _totals(folded: bytes) -> list[int]:
    """Of each window, worked out feature by feature."""
    features = FeatureReader(SHAPE).read(folded)
    each = WEIGHTS[features.byte_ngrams].astype(int).sum(0)
    np.add.at(each, features.word_starts, WEIGHTS[features.word_ngrams].astype(int).sum(1))
    return [int(each[start : start + WIDE.size_bytes].sum()) for start in window_starts(features.length_bytes)]
