"""Numbers as people write them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.quantities import number_of, same_value


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("30", "30"),
        ("1,299.00", "1299"),
        ("1.299,00", "1299"),
        ("1,299", "1299"),
        ("12,5", "12.5"),
        ("12.5", "12.5"),
        ("1.299", "1.299"),
        ("1.000.000", "1000000"),
        ("1 299", "1299"),
        ("1\u202f299,90", "1299.90"),
        ("1'299", "1299"),
        ("-3", "-3"),
    ],
)
def test_separators_are_read_as_they_are_meant(text: str, number: str) -> None:
    """One point is a decimal point; a comma before three digits is none."""
    assert number_of(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "thirty", "v2", "NaN", "Infinity", "1-2", "9" * 41])
def test_what_is_no_number_is_none(text: str) -> None:
    """A word, a version, what no price is."""
    assert number_of(text) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("30", "30.0", True), ("$30", "30", False), ("Ada  Lovelace", "ada lovelace", True), ("Ada", "Eva", False)],
)
def test_values_are_compared_by_what_they_mean(one: str, other: str, same: bool) -> None:
    """Numbers by size, words without case."""
    assert same_value(one, other) is same


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_two_texts_can_be_compared(one: str, other: str) -> None:
    """A value is the same as itself, and the order does not matter."""
    assert same_value(one, one)
    assert same_value(one, other) == same_value(other, one)
