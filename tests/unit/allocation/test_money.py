"""Money: rows add up to the cost of all their time."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.allocation.money import cost_of, costs_of
from extproc.allocation.slices import HOUR_US


@given(st.lists(st.integers(0, HOUR_US), min_size=1, max_size=20), st.integers(0, 10**13))
def test_rows_add_up(gpu_us: list[int], price: int) -> None:
    """And none is further from its own cost than one billionth, and the rounding of all."""
    found = costs_of(gpu_us, price)
    assert sum(found) == cost_of(sum(gpu_us), price)
    for cost, time in zip(found, gpu_us, strict=True):
        assert abs(cost - Fraction(time * price, HOUR_US)) <= 2


@pytest.mark.parametrize(
    ("gpu_us", "price", "cost"),
    [(HOUR_US, 2_500_000_000, 2_500_000_000), (HOUR_US // 2, 3, 2), (0, 5, 0), (1, HOUR_US // 2, 1), (5, 0, 0)],
)
def test_examples(gpu_us: int, price: int, cost: int) -> None:
    """Half a billionth counts as one."""
    assert cost_of(gpu_us, price) == cost
