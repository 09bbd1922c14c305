"""Sums add up, and hold what values can have."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.statistics.sums import COUNT_MAX, LOG_MAX, BlockSums, SumArrays
from tests.unit.statistics.samples import any_log_sums, rate_sums


def test_logarithms_are_summed() -> None:
    """What is not above 0 has none."""
    sums = BlockSums.of_values([math.e, 0, 1, -2, math.e**2])
    assert sums.count == 3
    assert sums.total == pytest.approx(3)
    assert sums.squares == pytest.approx(5)


@given(st.lists(rate_sums, min_size=3, max_size=3))
def test_merging_knows_no_order(several: list[BlockSums]) -> None:
    """Of workers and replicas."""
    first, second, third = several
    assert (first + second) + third == third + (second + first)


@pytest.mark.parametrize(
    "wrong",
    [
        (-1, 0, 0),
        (1, math.nan, 0),
        (math.inf, 0, 0),
        (2 * COUNT_MAX, 0, 0),
        (1, 2 * LOG_MAX, 0),
        (1, 0, -1),
        (1, 0, 2 * LOG_MAX**2),
        (0, 1, 1),
    ],
)
def test_what_no_values_have_is_refused(wrong: tuple[float, float, float]) -> None:
    """With what was expected."""
    with pytest.raises(ValueError, match=r"expected 0 <= count <= 1e\+15 and values .* got BlockSums"):
        BlockSums(*wrong)


def test_more_events_than_answers_are_refused() -> None:
    """As a caller that mixes up the two would notice."""
    with pytest.raises(ValueError, match="expected 0 <= events <= 3 answers, got 4"):
        BlockSums.of_events(3, 4)


@given(any_log_sums, any_log_sums)
def test_the_increase_of_a_counter(before: BlockSums, more: BlockSums) -> None:
    """Is what came in between; it never has fewer answers than none."""
    if before.count + more.count <= COUNT_MAX:
        increase = (before + more).since(before)
        assert increase.count == more.count
        assert increase.squares >= 0


def test_a_counter_that_begins_again_is_all_new() -> None:
    """As after the restart of a worker."""
    assert BlockSums.of_events(30, 2).since(BlockSums.of_events(5_000, 100)) == BlockSums.of_events(30, 2)
    assert BlockSums.of_events(5_030, 102).since(BlockSums.of_events(5_000, 100)) == BlockSums.of_events(30, 2)


def test_arrays_have_mean_and_variance() -> None:
    """By stratum; 0 where there is nothing, and where rounding would make a variance negative."""
    arrays = SumArrays.of([BlockSums(4, 8, 20), BlockSums(), BlockSums(3, 3, 3 - 1e-12)])
    assert arrays.mean().tolist() == [2, 0, 1]
    assert arrays.variance().tolist() == [1, 0, 0]
