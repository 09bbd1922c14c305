"""Where windows lie."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.text.ngram_windows import (
    BLOCK_BYTES,
    NARROW,
    WIDE,
    Best,
    Scale,
    WindowShape,
    best_at,
    worse,
    worst_said_once,
)


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


@given(
    st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 60)), min_size=1), st.sampled_from([-math.inf, 0.0, 9.0])
)
def test_the_worst_window_is_the_worst_once_repetitions_are_taken_off(
    windows: list[tuple[int, int]], repeats_from: float
) -> None:
    """Whatever is asked for on the way; one that is not suspicious keeps its score."""
    scale = Scale(1.0, 0.0)
    totals = [total for total, _ in windows]
    log_odds, number = worst_said_once(totals, 1, scale, repeats_from, lambda one: totals[one] - windows[one][1])
    scores = [total - repeated if total > repeats_from else total for total, repeated in windows]
    assert log_odds == max(scores) == scores[number]


def test_windows_are_asked_for_only_while_they_may_be_the_worst() -> None:
    """And in descending order of what they have with repetitions."""
    asked: list[int] = []

    def total_once(number: int) -> int:
        asked.append(number)
        return 5

    assert worst_said_once([3, 9, 7, 4], 1, Scale(1.0, 0.0), 0.0, total_once) == (5.0, 1)
    assert asked == [1, 2]


@pytest.mark.parametrize(("narrow", "expected"), [(1.4, 1.0), (1.5, 1.0), (1.75, 1.25)])
def test_a_narrow_window_is_doubted(narrow: float, expected: float) -> None:
    """It has to be worse by more than that."""
    assert worse(Best(1.0, 0, 300), Best(narrow, 0, 100)).log_odds == expected
