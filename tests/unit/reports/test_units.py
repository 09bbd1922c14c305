"""Figures in words."""

from __future__ import annotations

from fractions import Fraction

import pytest

from extproc.reports.units import (
    change_in_words,
    costs_in_words,
    count_in_words,
    duration_in_words,
    exact_money,
    gpu_hours_in_words,
    gpus_in_words,
    kwh_in_words,
    money_in_words,
    quota_use_in_words,
    rate_in_words,
    share_in_words,
)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0"),
        (999, "999"),
        (9_999, "9,999"),
        (10_000, "10K"),
        (800_000, "800K"),
        (2_400_000, "2.4M"),
        (99_949, "99.9K"),
        (99_950, "100K"),
        (999_499, "999K"),
        (999_500, "1M"),
        (999_999, "1M"),
        (1_000_000, "1M"),
        (123_456_789, "123M"),
        (2**53 + 1, "9,007T"),
        (-2_400_000, "-2.4M"),
    ],
)
def test_counts(count: int, words: str) -> None:
    """The nearest of three digits, with its unit."""
    assert count_in_words(count) == words


@pytest.mark.parametrize(
    ("micro_usd", "words", "exact"),
    [
        (0, "$0.00", "0.000000"),
        (1, "$0.000001", "0.000001"),
        (120, "$0.00012", "0.000120"),
        (9_999, "$0.009999", "0.009999"),
        (10_000, "$0.01", "0.010000"),
        (12_345_000, "$12.35", "12.345000"),
        (12_344_999, "$12.34", "12.344999"),
        (1_234_567_890_000, "$1,234,567.89", "1234567.890000"),
        (-12_340_000, "-$12.34", "-12.340000"),
    ],
)
def test_money(micro_usd: int, words: str, exact: str) -> None:
    """Cents, halves up; less than one is not nothing."""
    assert (money_in_words(micro_usd), exact_money(micro_usd)) == (words, exact)


@pytest.mark.parametrize(
    ("duration_ms", "words"),
    [
        (None, ""),
        (0, "0 ms"),
        (999, "999 ms"),
        (1_240, "1.2 s"),
        (119_000, "119.0 s"),
        (600_000, "10 min"),
        (9**8, "12.0 h"),
    ],
)
def test_durations(duration_ms: int | None, words: str) -> None:
    """With the unit in which they are short."""
    assert duration_in_words(duration_ms) == words


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (None, 1, ""),
        (0, 1, "new"),
        (0, 0, "="),
        (5, 5, "="),
        (100, 150, "+50 %"),
        (1_000, 1_001, "+0.1 %"),
        (2, 0, "-100 %"),
    ],
)
def test_changes(before: int | None, after: int, words: str) -> None:
    """In percent of what was before."""
    assert change_in_words(before, after) == words


@pytest.mark.parametrize(
    ("time_us", "words"),
    [
        (0, "0"),
        (1, "<0.001"),
        (3_600_000, "0.001"),
        (9_000_000_000, "2.5"),
        (48 * 3_600_000_000, "48"),
        (1_248 * 3_600_000_000, "1,248"),
    ],
)
def test_gpu_hours(time_us: int, words: str) -> None:
    """Some time is never nothing."""
    assert gpu_hours_in_words(time_us) == words


def test_energy_and_quotas() -> None:
    """Some energy is never nothing, what is not known is empty, and nothing used of a quota is a figure."""
    energies = (None, 0, 1, 499, 500, 1_250_000, 10**12)
    assert [kwh_in_words(one) for one in energies] == [
        *("", "0.000", "<0.001", "<0.001", "0.001", "1.250"),
        "1,000,000.000",
    ]
    assert [gpus_in_words(one) for one in (0, 1, 500, 1_000, 10_000, 1_250_000)] == [
        *("0", "0.001", "0.5", "1", "10", "1,250"),
    ]
    uses = (None, Fraction(0), Fraction(1, 50), Fraction(3, 8), Fraction(2))
    assert [quota_use_in_words(one) for one in uses] == ["", "0 %", "2.0 %", "38 %", "200 %"]


def test_costs_of_several_currencies() -> None:
    """Each by itself; what is nothing is left out."""
    assert costs_in_words({"EUR": 12_340_000_000, "USD": 120_000_000_000, "CHF": 0}) == "12.34 EUR + $120.00"
    assert costs_in_words({"USD": 0}) == ""
    assert costs_in_words({"USD": 1_500}) == "$0.000002"


def test_shares_and_rates() -> None:
    """Nothing has none."""
    assert [share_in_words(one) for one in (None, Fraction(0), Fraction(1, 50), Fraction(3, 8))] == [
        "",
        "",
        "2.0 %",
        "38 %",
    ]
    assert [rate_in_words(one) for one in (None, Fraction(0), Fraction(16, 5), Fraction(1_240))] == [
        "",
        "0.0",
        "3.2",
        "1,240",
    ]
