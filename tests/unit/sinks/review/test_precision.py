"""A guard's precision, with an interval that says how little a few labels tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.sinks.review.precision import precision_of


def test_without_labels_nothing_is_known() -> None:
    """Not 0, and not 1."""
    assert precision_of(0, 0) is None


@pytest.mark.parametrize(
    ("confirmed", "labelled", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_intervals_are_the_published_ones(confirmed: int, labelled: int, low: float, high: float) -> None:
    """To the four digits that are printed."""
    found = precision_of(confirmed, labelled)
    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(st.integers(1, 10_000), st.data())
def test_an_interval_holds_its_share_and_stays_between_0_and_1(labelled: int, data: st.DataObject) -> None:
    """Ten times the labels make it narrower; what is wrong is as far from 1 as what is right from 0."""
    confirmed = data.draw(st.integers(0, labelled))
    found, more = precision_of(confirmed, labelled), precision_of(10 * confirmed, 10 * labelled)
    turned = precision_of(labelled - confirmed, labelled)
    assert found is not None
    assert more is not None
    assert turned is not None
    assert 0 <= found.low <= found.share <= found.high <= 1
    assert more.high - more.low < found.high - found.low
    assert (1 - turned.high, 1 - turned.low) == pytest.approx((found.low, found.high))
