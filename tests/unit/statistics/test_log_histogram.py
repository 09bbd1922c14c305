"""Counts in buckets merge exactly, and quantiles are within the error that is documented."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.statistics.log_histogram import ERROR_MAX, VALUE_MAX, VALUE_MIN, bucket_of, counted, merged, quantile

values = st.floats(VALUE_MIN, VALUE_MAX)


@given(st.lists(st.lists(values), min_size=1, max_size=5))
def test_merged_counts_are_those_of_all_values(parts: list[list[float]]) -> None:
    """In any order."""
    whole = counted(value for part in parts for value in part)
    assert merged(map(counted, parts)) == merged(map(counted, reversed(parts))) == whole


@given(st.lists(values, min_size=1), st.sampled_from([0.0, 0.5, 0.95, 1.0]))
def test_a_quantile_is_within_its_error(drawn: list[float], share: float) -> None:
    """Of the value with that rank."""
    exact = sorted(drawn)[max(math.ceil(share * len(drawn)), 1) - 1]
    found = quantile(counted(drawn), share)
    assert found is not None
    assert abs(found - exact) <= (ERROR_MAX + 1e-9) * exact


def test_the_error_is_what_the_page_says() -> None:
    """4.8 %."""
    assert pytest.approx(0.0476, abs=1e-4) == ERROR_MAX


@given(st.lists(values, min_size=2))
def test_buckets_are_in_order(drawn: list[float]) -> None:
    """A greater value is never in a lower one."""
    buckets = [bucket_of(value) for value in sorted(drawn)]
    assert all(lower <= higher for lower, higher in pairwise(buckets))


def test_extremes_have_buckets() -> None:
    """So there are not many."""
    assert bucket_of(-1) == bucket_of(0) == bucket_of(VALUE_MIN)
    assert bucket_of(1e300) == bucket_of(VALUE_MAX)
    assert bucket_of(VALUE_MAX) - bucket_of(VALUE_MIN) < 590


def test_nothing_has_no_quantile() -> None:
    """Not 0."""
    assert quantile({}, 0.5) is None
