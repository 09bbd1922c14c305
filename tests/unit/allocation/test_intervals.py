"""Sets of times, against sets of whole numbers."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from extproc.allocation.intervals import Intervals

few = st.lists(st.tuples(st.integers(-30, 30), st.integers(-30, 30)), max_size=6)


def intervals_of(pairs: list[tuple[int, int]]) -> Intervals:
    """Their union."""
    begin, end = (np.array([pair[place] for pair in pairs], dtype=np.int64) for place in (0, 1))
    return Intervals.union(begin, end)


def numbers(pairs: list[tuple[int, int]]) -> set[int]:
    """The same as whole numbers."""
    return {number for begin, end in pairs for number in range(begin, end)}


def held(one: Intervals) -> set[int]:
    """Likewise."""
    return numbers(list(zip(one.begin.tolist(), one.end.tolist(), strict=True)))


@given(few, few)
def test_they_are_sets(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    """Union and difference."""
    assert held(intervals_of(one)) == numbers(one)
    assert held(intervals_of(one) | intervals_of(other)) == numbers(one) | numbers(other)
    assert held(intervals_of(one).without(intervals_of(other))) == numbers(one) - numbers(other)


@given(few, few)
def test_they_are_apart(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    """Each has one form, so that equal sets are equal."""
    for found in (intervals_of(one), intervals_of(one).without(intervals_of(other))):
        assert (found.begin < found.end).all()
        assert (found.end[:-1] < found.begin[1:]).all()


@given(few, st.lists(st.integers(-40, 40), min_size=2, max_size=5, unique=True).map(sorted))
def test_what_slices_have(one: list[tuple[int, int]], borders: list[int]) -> None:
    """Counted."""
    found = intervals_of(one).within(np.array(borders))
    expected = [len(numbers(one) & set(range(begin, end))) for begin, end in itertools.pairwise(borders)]
    assert found.tolist() == expected
