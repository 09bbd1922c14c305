"""Largest remainder: sums are exact, and nobody is more than one from their quota."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.allocation.largest_remainder import exact_parts, largest_remainder

weights = st.floats(0, 1e12, allow_subnormal=False)
groups = st.lists(st.tuples(st.lists(weights, min_size=1, max_size=8), st.integers(0, 10**14)), min_size=1, max_size=6)


def divided(given_weights: list[float], total: int) -> list[int]:
    """Of one group."""
    one = np.zeros(len(given_weights), dtype=np.int64)
    found: list[int] = largest_remainder(np.array(given_weights, dtype=np.float64), one, np.array([total])).tolist()
    return found


@given(groups)
def test_each_group_has_its_total(several: list[tuple[list[float], int]]) -> None:
    """Divided together as each alone."""
    several = [one for one in several if sum(one[0]) > 0]
    flat = np.array([weight for one, _ in several for weight in one], dtype=np.float64)
    group = np.repeat(np.arange(len(several)), [len(one) for one, _ in several])
    totals = np.array([total for _, total in several], dtype=np.int64)
    found = largest_remainder(flat, group, totals)
    for place, (one, total) in enumerate(several):
        part = found[group == place]
        assert part.sum() == total
        assert part.tolist() == divided(one, total)
        assert (part >= 0).all()
        quotas = np.array(one) / sum(one) * total
        assert (np.abs(part - quotas) <= 1.001 + 1e-12 * total).all()


@pytest.mark.parametrize(
    ("of", "total", "found"),
    [
        ([1, 1, 1], 10, [4, 3, 3]),  # ties by place
        ([1, 2, 4], 10, [1, 3, 6]),  # 1.43, 2.86, 5.71
        ([0, 5], 7, [0, 7]),
        ([3, 0], 0, [0, 0]),
        ([0.1] * 10, 1_000_000, [100_000] * 10),  # the noise of floats is no fraction
        ([1e-300, 1e-300], 3, [2, 1]),
        ([2.3e-308], 4, [4]),  # its reciprocal is no float
    ],
)
def test_examples(of: list[float], total: int, found: list[int]) -> None:
    """Computed by hand."""
    assert divided(of, total) == found


def test_a_total_without_anybody() -> None:
    """It would be lost."""
    with pytest.raises(ValueError, match="nobody"):
        divided([0.0], 1)
    assert largest_remainder(np.zeros(0), np.zeros(0, dtype=np.int64), np.array([0])).tolist() == []


@given(st.integers(0, 10**30), st.lists(st.integers(0, 10**24), min_size=1, max_size=8))
def test_exact_parts_are_less_than_one_from_their_quota(total: int, whole_weights: list[int]) -> None:
    """However large; who has no weight gets nothing."""
    whole = sum(whole_weights)
    if not whole:
        return
    found = exact_parts(total, whole_weights)
    assert sum(found) == total
    assert all(abs(part * whole - total * one) < whole for part, one in zip(found, whole_weights, strict=True))


def test_exact_parts_of_nothing() -> None:
    """Nobody is needed for it; for anything else somebody is. Ties go by place."""
    assert exact_parts(0, []) == []
    assert exact_parts(10, [1, 1, 1]) == [4, 3, 3]
    with pytest.raises(ValueError, match="nobody"):
        exact_parts(1, [0])
