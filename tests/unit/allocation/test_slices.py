"""Slices: fixed borders, and one price in each."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from extproc.allocation.slices import HOUR_US, UNKNOWN_PRICE, GpuTerms, slices_between

times = st.integers(0, 10 * HOUR_US)
terms = st.lists(
    st.builds(GpuTerms, times, st.integers(0, 8), st.none() | st.integers(0, 10**12)),
    min_size=1,
    max_size=4,
    unique_by=lambda one: one.from_us,
).map(sorted)


def price_at(given_terms: list[GpuTerms], at_us: int) -> GpuTerms:
    """The last one that has begun, or the first."""
    return ([one for one in given_terms if one.from_us <= at_us] or given_terms[:1])[-1]


@given(times, times, terms)
def test_a_slice_has_one_price(one: int, other: int, given_terms: list[GpuTerms]) -> None:
    """And lies within one hour."""
    begin, end = min(one, other), max(one, other) + 1
    borders, gpus, price = (column.tolist() for column in slices_between(begin, end, given_terms))
    assert (borders[0], borders[-1]) == (begin, end)
    for place, (first, last) in enumerate(itertools.pairwise(borders)):
        assert first < last
        assert first // HOUR_US == (last - 1) // HOUR_US
        for at_us in (first, last - 1):
            held = price_at(given_terms, at_us)
            assert (gpus[place], price[place]) == (held.gpus, UNKNOWN_PRICE if held.price is None else held.price)


@given(times, times, times, terms)
def test_borders_do_not_depend_on_what_is_asked(
    one: int, other: int, further: int, given_terms: list[GpuTerms]
) -> None:
    """A longer time has the same borders within the shorter one."""
    begin, end, later = sorted((one, other + 1, further + 2))
    if begin == end:
        return
    short, long = (slices_between(begin, last, given_terms).borders_us.tolist() for last in (end, later))
    assert [at for at in long if at < end] == short[:-1]


def test_a_price_that_changes_at_noon() -> None:
    """A quarter past, that is."""
    noon = 12 * HOUR_US
    found = slices_between(noon - HOUR_US, noon + HOUR_US, [GpuTerms(0, 2, 10), GpuTerms(noon + HOUR_US // 4, 2, 20)])
    assert [(at - noon) * 4 // HOUR_US for at in found.borders_us.tolist()] == [-4, 0, 1, 4]
    assert found.price.tolist() == [10, 10, 20]
