"""Where windows lie."""

from __future__ import annotations

import pytest

from extproc.detectors.text.ngram_windows import BLOCK_BYTES, NARROW, WIDE, Best, WindowShape, best_at


@pytest.mark.parametrize("shape", [WIDE, NARROW])
def test_windows_are_aligned_to_blocks(shape: WindowShape) -> None:
    """So their sums are differences of sums before blocks."""
    assert shape.size_bytes % BLOCK_BYTES == shape.step_bytes % BLOCK_BYTES == 0


@pytest.mark.parametrize(
    ("number", "start", "end"),
    [(0, 0, 319), (1, 63, 383), (10, 639, 959), (11, 679, 998)],
)
def test_the_last_window_ends_with_the_text(number: int, start: int, end: int) -> None:
    """Of a text of 998 bytes, with a blank before and behind it; the one before the text is no part of a place."""
    assert best_at(number, 1.5, WIDE, 1_000) == Best(1.5, start, end)
