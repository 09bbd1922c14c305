"""Evidence of a block: its mean is 1 at most while nothing drifts, by enumeration of all that can happen."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.statistics.arrays import Floats
from extproc.statistics.bets import BETS, log_factors, log_mixed, log_odds_factor
from extproc.statistics.references import ExpectedValues, SignalKind
from extproc.statistics.sums import BlockSums, SumArrays
from tests.unit.statistics.samples import LOG, RATE, any_log_sums, events, expected_of, rate_sums, row

RATIOS = np.log([1.25, 1.5, 1.75, 2, 2.5, 3, 4, 6, 10, 20, 60, 300])
WEIGHTS = np.array([8, 12, 12, 14, 12, 10, 8, 6, 6, 5, 4, 3]) / 100


@pytest.mark.parametrize(
    ("share", "new", "old", "evidence"),
    [(0.05, 10, 40, 235.4), (0.05, 3, 0, 429.0), (0.05, 4, 0, 6629), (0.5, 60, 30, 64.61)],
)
def test_labels_of_two_arms_are_a_rate(share: float, new: int, old: int, evidence: float) -> None:
    """The figures of the label test, which is the same equation: which arm an event is of, given the share."""
    factors = log_odds_factor(RATIOS, row(new + old)[:, None], row(new)[:, None], row(share)[:, None])
    assert math.exp(log_mixed(factors, WEIGHTS)[0]) == pytest.approx(evidence, rel=5e-4)


def mixed(kind: SignalKind, sums: SumArrays, expected: ExpectedValues) -> Floats:
    """The log evidence of a block, by stratum."""
    return log_mixed(log_factors(kind, BETS[kind], sums, expected, expected.variance)[0], BETS[kind].weights)


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.97])
@pytest.mark.parametrize("margin", [0.0, 0.2])
@pytest.mark.parametrize("drift", [-1.0, -0.5, 0.0, 0.5, 1.0])
def test_the_mean_evidence_of_a_rate_is_one_at_most(rate: float, margin: float, drift: float) -> None:
    """Everywhere within the margin; and exactly 1 without a margin."""
    odds = rate / (1 - rate) * math.exp(drift * margin)
    true = odds / (1 + odds)
    expected = expected_of([rate], [rate * (1 - rate)], margin)
    mean = sum(
        math.comb(12, k) * true**k * (1 - true) ** (12 - k) * math.exp(mixed(RATE, events((12, k)), expected)[0])
        for k in range(13)
    )
    assert mean <= 1 + 1e-9
    assert margin > 0 or mean == pytest.approx(1)


@pytest.mark.parametrize("drift", [-1.0, 0.0, 1.0])
def test_the_mean_evidence_of_a_mean_is_one_at_most(drift: float) -> None:
    """Of normal values, by quadrature."""
    margin, sd, count = 0.1, 0.8, 5
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    totals = count * (2.0 + drift * margin) + sd * math.sqrt(count) * points
    expected = expected_of([2.0], [sd**2], margin)
    evidence = [math.exp(mixed(LOG, SumArrays(row(count), row(total), row(0)), expected)[0]) for total in totals]
    assert np.sum(weights * evidence) / math.sqrt(2 * math.pi) <= 1 + 1e-6


@pytest.mark.parametrize(("kind", "level", "variance"), [(RATE, 0.02, 0.0196), (LOG, 3.0, 0.64)])
def test_blocks_add_up(kind: SignalKind, level: float, variance: float) -> None:
    """The evidence of merged blocks is that of the sum, for each alternative."""
    expected = expected_of([level], [variance])
    blocks = [BlockSums.of_events(50, 3), BlockSums.of_events(1, 0), BlockSums(), BlockSums.of_events(900, 20)]
    apart = sum(log_factors(kind, BETS[kind], SumArrays.of([one]), expected, expected.variance)[0] for one in blocks)
    whole = SumArrays.of([sum(blocks, BlockSums())])
    assert log_factors(kind, BETS[kind], whole, expected, expected.variance)[0] == pytest.approx(apart)


@given(rate_sums, st.floats(1e-6, 1 - 1e-6))
def test_more_events_speak_for_more(sums: BlockSums, rate: float) -> None:
    """For each alternative above, and against each below."""
    if not sums.total < sums.count:
        return
    expected = expected_of([rate], [rate * (1 - rate)])
    fewer, more = (
        log_factors(RATE, BETS[RATE], events((sums.count, happened)), expected, expected.variance)[0]
        for happened in (sums.total, min(sums.total * 1.1 + 1, sums.count))
    )
    signs = BETS[RATE].signs
    slack = 1e-9 * (1 + np.abs(fewer))  # rounding
    assert np.all((more - fewer) * signs >= -slack)


@pytest.mark.parametrize("kind", SignalKind)
@given(sums=st.data())
def test_evidence_of_a_block_is_finite(kind: SignalKind, sums: st.DataObject) -> None:
    """Of a billion answers, of none, of constants."""
    drawn = sums.draw(rate_sums if kind is RATE else any_log_sums)
    for level, variance in product((1e-12, 0.5, 1 - 1e-12), (0.0025, 1e5)):
        assert np.isfinite(mixed(kind, SumArrays.of([drawn]), expected_of([level], [variance]))).all()


def test_weights_add_up_to_one() -> None:
    """Else evidence would be too much."""
    for bets in BETS.values():
        assert bets.weights.sum() == pytest.approx(1)
        assert len(bets.weights) == len(bets.log_ratios)
