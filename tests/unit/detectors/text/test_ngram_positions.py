"""Positions have the features that training has, and count them once, however that is asked for."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.text.ngram_arrays import FeatureReader
from extproc.detectors.text.ngram_model import fold
from extproc.detectors.text.ngram_positions import Positions
from extproc.detectors.text.ngram_windows import NgramShape

SHAPES = (NgramShape(12, (5,)), NgramShape(12, (4, 6)), NgramShape(10, (1, 3, 8)))
WEIGHTS = np.random.default_rng(5).integers(-128, 128, 1 << 12).astype(np.int8)
MOVED = (WEIGHTS.view(np.uint8) ^ 128).tobytes()
TEXTS = st.one_of(
    st.binary(max_size=600),
    st.lists(st.sampled_from([b"one thing ", b"and another, ", b"x ", b"\xc3\xa9"]), max_size=60).map(b"".join),
).map(fold)
shapes = st.sampled_from(SHAPES)


@given(shapes, TEXTS)
def test_positions_have_the_features_that_training_has(shape: NgramShape, folded: bytes) -> None:
    """Each at its place."""
    positions, features = Positions(folded, shape), FeatureReader(shape).read(folded)
    assert positions.byte_features == features.byte_ngrams.T.ravel().tolist()
    assert positions.word_starts == features.word_starts.tolist()
    assert positions.word_features == features.word_ngrams.ravel().tolist()


@given(shapes, TEXTS, st.lists(st.tuples(st.integers(0, 600), st.integers(0, 400)), min_size=1, max_size=20))
def test_a_feature_counts_once_in_a_window(shape: NgramShape, folded: bytes, windows: list[tuple[int, int]]) -> None:
    """Of n-grams and of words, by whatever it is repeated, and however many windows are asked for."""
    positions, features = Positions(folded, shape), FeatureReader(shape).read(folded)
    for begin, length in windows:
        start = min(begin, positions.length_bytes)
        end = min(start + length, positions.length_bytes)
        words = [number for number, at in enumerate(positions.word_starts) if start <= at < end]
        places = (features.byte_ngrams[:, start:end], features.word_ngrams[words])
        once = sum(int(WEIGHTS[place]) for kind in places for place in set(kind.ravel().tolist()))
        assert positions.total_once(MOVED, start, end) == once
