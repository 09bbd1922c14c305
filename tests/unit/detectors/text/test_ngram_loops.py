"""The loops find the windows that numpy finds, with the same scores, whether they are compiled or not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.text.ngram_arrays import ArrayScorer
from extproc.detectors.text.ngram_loops import LoopScorer
from extproc.detectors.text.ngram_model import fold
from extproc.detectors.text.ngram_windows import NgramShape, Scale

SHAPES = (NgramShape(12, (5,)), NgramShape(12, (4, 6)), NgramShape(10, (1, 3, 8)))
WEIGHTS = np.random.default_rng(5).integers(-128, 128, 1 << 12).astype(np.int8).tobytes()
FILLER = b"the museum opens at nine and closes late. "
BAIT = b"zzyzx quux frobnicate the plugh and xyzzy the wumpus"
SCALE = Scale(0.01, -1.0)
TEXTS = st.one_of(
    st.binary(max_size=1_200),
    st.text(max_size=600).map(lambda text: text.encode("utf-8", "replace")),
    st.lists(st.sampled_from([FILLER, BAIT, b"a", b" ", b"0123456789", b"\xc3\xa9\xff"]), max_size=60).map(b"".join),
).map(fold)
shapes = st.sampled_from(SHAPES)


def _weights(shape: NgramShape) -> bytes:
    return WEIGHTS[: 1 << shape.bits]


@given(shapes, TEXTS, st.booleans(), st.sampled_from([-math.inf, -1.0, 0.5, math.inf]))
def test_loops_and_arrays_find_the_same_window(
    shape: NgramShape, folded: bytes, narrow: bool, repeats_from: float
) -> None:
    """With the same score, to the last bit, whether repetitions count or not."""
    scorers = (one(shape, _weights(shape), SCALE) for one in (LoopScorer, ArrayScorer))
    found, expected = (scorer.best(folded, narrow, repeats_from) for scorer in scorers)
    assert found == expected


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("length_bytes", [0, 1, 2, 3, 4, 5, 30, 31, 62, 125, 126, 127, 158, 317, 318, 319, 350, 1_000])
def test_loops_know_texts_of_any_length(shape: NgramShape, length_bytes: int) -> None:
    """Those that end where a block or a window does."""
    folded = fold((FILLER * 30)[:length_bytes])
    scorers = (one(shape, _weights(shape), SCALE) for one in (LoopScorer, ArrayScorer))
    found, expected = (scorer.best(folded, True, -1.0) for scorer in scorers)
    assert found == expected
