"""The loop over the bytes of a text has the sums that numpy has, whether it is compiled or not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.text import ngram_scan
from extproc.detectors.text.ngram_model import NgramModel, NgramShape, fold
from extproc.detectors.text.ngram_windows import NARROW

WEIGHTS = np.random.default_rng(5).integers(-128, 128, 1 << 12).astype(np.int8)
FILLER = b"the museum opens at nine and closes late. "
BAIT = b"zzyzx quux frobnicate the plugh and xyzzy the wumpus"

SCANNED = NgramModel(NgramShape(12, (5,)), WEIGHTS, 0.01, -1.0)
TEXTS = st.one_of(
    st.binary(max_size=1_200),
    st.text(max_size=600).map(lambda text: text.encode("utf-8", "replace")),
    st.lists(st.sampled_from([FILLER, BAIT, b"a", b" ", b"0123456789", b"\xc3\xa9\xff"]), max_size=60).map(b"".join),
)


@pytest.fixture(autouse=True)
def arrays_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """``best_of_folded`` asks numpy, in a compiled build too."""
    monkeypatch.setattr(ngram_scan, "IS_COMPILED", False)


@given(TEXTS, st.booleans(), st.sampled_from([-math.inf, -1.0, 0.5, math.inf]))
def test_the_loop_and_the_arrays_find_the_same_window(text: bytes, narrow: bool, repeats_from: float) -> None:
    """With the same score, to the last bit; or the loop leaves it to the arrays, where repetitions would count."""
    folded = fold(text)
    found = SCANNED.scanned_best(folded, narrow, repeats_from)
    expected = SCANNED.best_of_folded(folded, narrow, math.inf)
    if found is not None:
        assert found == expected == SCANNED.best_of_folded(folded, narrow, repeats_from)
    else:
        assert expected.log_odds + NARROW.doubt > repeats_from


@pytest.mark.parametrize("length_bytes", [0, 1, 2, 3, 4, 5, 30, 31, 62, 125, 126, 127, 158, 317, 318, 319, 350, 1_000])
def test_the_loop_knows_texts_of_any_length(length_bytes: int) -> None:
    """Those that end where a block or a window does."""
    folded = fold((FILLER * 30)[:length_bytes])
    assert SCANNED.scanned_best(folded, True, math.inf) == SCANNED.best_of_folded(folded, True, math.inf)
