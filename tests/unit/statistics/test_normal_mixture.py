"""Equations against the figures of confseq 0.0.11 and gbstats 0.8.0, computed apart."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.statistics.normal_mixture import (
    half_width,
    log_evidence_one_sided,
    log_evidence_two_sided,
    mixture_variance,
)


def test_the_mixtures_are_those_of_confseq() -> None:
    """normal_log_mixture(s=30, v=100, v_opt=100, alpha_opt=.05), and a second one-sided figure."""
    assert log_evidence_two_sided(30, 100, mixture_variance(100, 0.05)) == pytest.approx(2.901375010405018, abs=1e-12)
    assert log_evidence_one_sided(30, 100, mixture_variance(100, 0.1)) == pytest.approx(3.580569603558775, abs=1e-12)
    assert mixture_variance(100, 0.02) == pytest.approx(9.998474, abs=1e-6)
    assert log_evidence_one_sided(35, 100, mixture_variance(100, 0.02)) == pytest.approx(5.061965928577, abs=1e-11)


def test_the_bound_is_that_of_confseq() -> None:
    """normal_mixture_bound(100, .01, 100, .01, one-sided): where the evidence is 100."""
    found = log_evidence_one_sided(33.5345461536, 100, mixture_variance(100, 0.02))
    assert found == pytest.approx(math.log(100), abs=1e-9)


def test_the_interval_is_that_of_gbstats() -> None:
    """60 of 3,000 against 120 of 3,000 at 1 %: the relative effect is between -.1148 and 2.1148."""
    variance = (0.0384 / 0.02**2 + 0.0196 * 0.04**2 / 0.02**4) / 3_000
    assert half_width(6_000, 6_000 * variance, 5_000, 0.01) == pytest.approx(1.1148, abs=5e-5)


def test_the_interval_is_where_the_evidence_reaches_its_bound() -> None:
    """The same mixture, seen from both sides."""
    rho = mixture_variance(1_000, 0.05)
    width = half_width(400, 1.0, 1_000, 0.05)
    assert log_evidence_two_sided(400 * width, 400, rho) == pytest.approx(math.log(20))


@given(st.floats(-1e8, 1e8), st.floats(1e-3, 1e12), st.floats(1e-3, 1e6))
def test_evidence_is_finite_and_grows_with_the_sum(total: float, variance: float, rho: float) -> None:
    """Far into the lower tail of the normal distribution too."""
    low, high = (log_evidence_one_sided(one, variance, rho) for one in (total, total + abs(total) * 1e-3 + 1e-3))
    assert math.isfinite(low)
    assert math.isfinite(high)
    assert high >= low - 1e-9 * abs(low)


def test_the_tail_joins_the_rest() -> None:
    """Where the series takes over."""
    rho, variance = 1.0, 3.0
    before, after = (log_evidence_one_sided(scaled * 2, variance, rho) for scaled in (-7.999999, -8.000001))
    assert after == pytest.approx(before, abs=1e-6)


def test_without_answers_nothing_is_known() -> None:
    """And the interval is everything."""
    assert half_width(0, 1, 1_000, 0.05) == math.inf
