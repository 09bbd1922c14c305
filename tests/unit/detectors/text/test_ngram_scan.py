"""The sums of the fast pass are those of the positions, and its multipliers those of training."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.text.ngram_model import fold
from extproc.detectors.text.ngram_positions import Positions
from extproc.detectors.text.ngram_scan import BYTE_MIX, MIX, signed, sums_of, worst_window
from extproc.detectors.text.ngram_windows import NARROW, WIDE, NgramShape

SHAPE = NgramShape(12, (5,))
MOVED = np.random.default_rng(5).integers(0, 256, 1 << SHAPE.bits).astype(np.uint8).tobytes()
TEXTS = st.one_of(st.binary(max_size=1_200), st.lists(st.sampled_from([b"one ", b"two, ", b"3"])).map(b"".join))


@given(TEXTS.map(fold))
def test_one_pass_has_the_sums_of_the_positions(folded: bytes) -> None:
    """Before each block, and of the last windows."""
    assert sums_of(folded, MOVED, SHAPE.bits) == Positions(folded, SHAPE).sums(MOVED)


@given(st.binary(min_size=WIDE.size_bytes, max_size=1_200).map(fold), st.sampled_from([WIDE, NARROW]))
def test_the_first_window_with_the_highest_sum_is_the_worst(folded: bytes, shape: object) -> None:
    """The last one only if it has more."""
    window = WIDE if shape is WIDE else NARROW
    if len(folded) + 2 <= window.size_bytes:
        return
    sums = sums_of(folded, MOVED, SHAPE.bits)
    blocks, step = window.size_bytes // 32, window.step_bytes // 32
    totals = [sums.before[at + blocks] - sums.before[at] for at in range(0, len(sums.before) - blocks, step)]
    totals.append(sums.wide if window is WIDE else sums.narrow)
    assert worst_window(sums, window) == (max(totals), totals.index(max(totals)))


def test_machine_integers_have_the_bits_of_the_multipliers() -> None:
    """Which do not fit as they are: machine integers are signed."""
    assert [signed(one) % (1 << 64) for one in BYTE_MIX] == list(BYTE_MIX)
    assert MIX.first == signed(BYTE_MIX[0]) < 0
