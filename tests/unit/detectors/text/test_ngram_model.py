"""The n-gram model: exact sums, the worst window wherever it stands, and files that are read as they were written."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.text.ngram_arrays import FeatureReader, window_starts
from extproc.detectors.text.ngram_model import NgramModel, fold
from extproc.detectors.text.ngram_windows import NARROW, SLICE_BYTES_MAX, WIDE, NgramShape

SHAPE = NgramShape(12, (3, 5))
WEIGHTS = np.random.default_rng(5).integers(-127, 128, 1 << SHAPE.bits).astype(np.int8)
FILLER = b"the museum opens at nine and closes late. "
BAIT = b"zzyzx quux frobnicate the plugh and xyzzy the wumpus"

model = NgramModel(SHAPE, WEIGHTS.tobytes(), 0.01, -1.0)


def baited() -> NgramModel:
    """A model that likes nothing but the features of the bait."""
    features = FeatureReader(SHAPE).read(BAIT)
    weights = np.full(1 << SHAPE.bits, -1, np.int8)
    weights[features.byte_ngrams.ravel()] = 100
    return NgramModel(SHAPE, weights.tobytes(), 0.01, 0.0)


def sums_of_windows(folded: bytes, window_bytes: int, step_bytes: int) -> list[tuple[int, int, int]]:
    """Sum, beginning and end of each window, worked out one feature at a time."""
    features = FeatureReader(SHAPE).read(folded)
    each = [sum(int(WEIGHTS[place]) for place in column) for column in features.byte_ngrams.T.tolist()]
    for start, places in zip(features.word_starts.tolist(), features.word_ngrams.tolist(), strict=True):
        each[start] += sum(int(WEIGHTS[place]) for place in places)
    width = min(window_bytes, len(each))
    starts = window_starts(len(each), step_bytes, window_bytes).tolist() if len(each) > window_bytes else [0]
    return [(sum(each[at : at + width]), max(at - 1, 0), min(at - 1 + width, len(folded))) for at in starts]


@given(st.binary(max_size=1_200).map(fold))
def test_a_score_is_the_sum_of_the_features_of_a_window(folded: bytes) -> None:
    """As worked out one feature at a time."""
    total, start, end = max(sums_of_windows(folded, WIDE.size_bytes, WIDE.step_bytes), key=lambda window: window[0])
    best = model.best(folded, repeats_from=math.inf)
    assert best.log_odds == pytest.approx(total * 0.01 / min(WIDE.size_bytes, len(folded) + 2) ** 0.5 - 1.0)
    assert (best.start, best.end) == (start, end) or len(folded) + 2 <= WIDE.size_bytes


@given(st.binary(min_size=NARROW.size_bytes, max_size=1_200).map(fold))
def test_a_narrow_window_is_summed_up_as_a_wide_one(folded: bytes) -> None:
    """And counts for a little less."""
    if len(folded) + 2 <= NARROW.size_bytes:
        return
    windows = sums_of_windows(folded, NARROW.size_bytes, NARROW.step_bytes)
    total, start, end = max(windows, key=lambda window: window[0])
    narrow = total * 0.01 / NARROW.size_bytes**0.5 - 1.0 - NARROW.doubt
    wide = model.best(folded, repeats_from=math.inf)
    both = model.best(folded, narrow=True, repeats_from=math.inf)
    assert both.log_odds == pytest.approx(max(wide.log_odds, narrow))
    assert both == wide or (both.start, both.end) == (start, end)


@given(st.lists(st.sampled_from([b"one thing ", b"and another, ", b"x "]), max_size=400).map(b"".join))
def test_what_is_said_again_counts_once(text: bytes) -> None:
    """In the window that looks worst then; and a window never scores more for it."""
    folded = fold(text)
    features = FeatureReader(SHAPE).read(folded)
    width = min(WIDE.size_bytes, features.length_bytes)
    starts = window_starts(features.length_bytes).tolist() if features.length_bytes > WIDE.size_bytes else [0]
    wanted = -math.inf
    for start in starts:
        inside = [number for number, at in enumerate(features.word_starts) if start <= at < start + width]
        grams, words = features.byte_ngrams[:, start : start + width], features.word_ngrams[inside]
        every = sum(int(WEIGHTS[place]) for place in [*grams.ravel(), *words.ravel()])
        once = sum(int(WEIGHTS[place]) for places in (grams, words) for place in set(places.ravel().tolist()))
        wanted = max(wanted, min(every, once) * 0.01 / width**0.5 - 1.0)
    assert model.best(text, repeats_from=-math.inf).log_odds == pytest.approx(wanted)


@given(st.integers(0, 3 * SLICE_BYTES_MAX))
def test_the_worst_window_is_found_anywhere(before_bytes: int) -> None:
    """Also where two slices meet: they share a window."""
    text = (FILLER * 1_200)[:before_bytes] + b" " + BAIT + b" " + FILLER * 200
    best = baited().best(text)
    folded = fold(text)
    assert BAIT[8:-8] in folded[best.start : best.end]
    assert best.log_odds > baited().log_odds(FILLER * 1_000)


def test_layout_and_numbers_do_not_matter() -> None:
    """Runs of blanks are one, and digits are alike."""
    assert model.log_odds(b"call 555 now\n\n\t please") == model.log_odds(b"call 123 now please")


def test_words_of_one_stem_are_one_word() -> None:
    """Eight bytes are read of each."""
    reader = FeatureReader(SHAPE)
    one, other = reader.read(b"an instruction is"), reader.read(b"an instructor is")
    assert one.word_ngrams.tolist() == other.word_ngrams.tolist()
    assert one.word_starts.tolist() == [1, 4, 16]


def test_the_order_of_words_matters() -> None:
    """Pairs are not sets."""
    reader = FeatureReader(SHAPE)
    assert reader.read(b"one two").word_ngrams[0, 1] != reader.read(b"two one").word_ngrams[0, 1]


@pytest.mark.parametrize("text", [b"", b" ", b"a", b"\xff\xfe", b"\0" * 400, b"'" * 400, "日本語".encode()])
def test_any_bytes_have_a_score(text: bytes) -> None:
    """None raises, whatever its length."""
    assert isinstance(model.log_odds(text), float)


def test_a_file_is_read_as_it_was_written() -> None:
    """Shape, scale, bias and weights."""
    again = NgramModel.from_bytes(model.to_bytes())
    assert again.to_bytes() == model.to_bytes()
    assert again.shape == SHAPE
    assert len(model.to_bytes()) == 20 + (1 << SHAPE.bits)


@pytest.mark.parametrize("packed", [b"", b"NGRAMS", b"x" * 40, model.to_bytes()[:-1], model.to_bytes() + b"\0"])
def test_another_file_is_refused(packed: bytes) -> None:
    """A wrong file must not pass as weights."""
    with pytest.raises(ValueError, match="n-gram weights"):
        NgramModel.from_bytes(packed)


@given(st.binary(max_size=1_200).map(fold))
def test_narrow_windows_only_add(text: bytes) -> None:
    """They can make a text look worse, never better; a text that fits into one is looked at once."""
    wide, both = model.best(text), model.best(text, narrow=True)
    assert both.log_odds >= wide.log_odds
    if len(text) + 2 <= NARROW.size_bytes:
        assert both == wide


def test_a_sentence_among_many_counts_in_a_narrow_window() -> None:
    """Where a wide one is mostly filler, and a narrow one is not."""
    text = FILLER * 20 + BAIT + b" " + FILLER * 20
    wide, narrow = baited().best(text), baited().best(text, narrow=True)
    assert narrow.log_odds > wide.log_odds
    assert narrow.end - narrow.start <= NARROW.size_bytes
    assert BAIT[10:-10] in text[narrow.start : narrow.end]


@given(st.binary(min_size=1, max_size=WIDE.size_bytes - 2))
def test_contributions_add_up_to_the_score(text: bytes) -> None:
    """Of a part that is one window: with the bias, each n-gram counted once."""
    parts = model.contributions(text)
    features = FeatureReader(SHAPE).read(fold(text))
    once = [int(WEIGHTS[place]) for kind in (features.byte_ngrams, features.word_ngrams) for place in np.unique(kind)]
    odds = model.scale.odds(sum(once), len(fold(text)) + 2)
    assert math.isclose(model.scale.bias + sum(part.log_odds for part in parts), odds, abs_tol=1e-9)
    assert [part.log_odds for part in parts] == sorted((part.log_odds for part in parts), reverse=True)


def test_contributions_are_named_by_their_text() -> None:
    """Characters, words, pairs, pairs with a gap, triples."""
    named = {part.ngram for part in NgramModel(SHAPE, WEIGHTS.tobytes(), 0.01, 0.0).contributions(b"keys are safe")}
    assert {" ke", " keys", "keys", "keys are", "keys _ safe", "keys are safe"} <= named


def test_numpy_is_imported_only_where_code_is_interpreted() -> None:
    """It takes twelve megabytes of each worker."""
    code = """
import sys
from extproc.detectors.text.ngram_model import NgramModel
from extproc.detectors.text.ngram_scan import IS_COMPILED
before = "numpy" in sys.modules
NgramModel.shipped("injection").log_odds(b"ignore this and all of that. " * 99)
print(before, ("numpy" in sys.modules) != IS_COMPILED)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "False True\n"
