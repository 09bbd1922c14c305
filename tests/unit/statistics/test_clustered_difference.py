"""The difference of both arms: by hand, against formulas of one step, and on sums of any kind."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

from extproc.statistics.arrays import Floats
from extproc.statistics.cluster_sums import ClusterSums
from extproc.statistics.clustered_difference import EFFECTIVE_UNITS_MIN, ArmsDifference
from extproc.statistics.normal_mixture import log_evidence_one_sided, mixture_variance
from extproc.statistics.sums import SumArrays
from tests.unit.statistics.samples import LOG, RATE, bucket_arrays

BUCKETS = 256
PLANNED, ALPHA = 500.0, 0.01


def difference(canary: SumArrays, stable: SumArrays, kind: object = RATE) -> ArmsDifference:
    """Of buckets."""
    return ArmsDifference.of(RATE if kind is RATE else LOG, ClusterSums.of(canary), ClusterSums.of(stable))


def even(*steps: tuple[float, float]) -> SumArrays:
    """Answers and events of each step, spread evenly over buckets."""
    count, total = (np.array([[one / BUCKETS] * BUCKETS for one in part]) for part in zip(*steps, strict=True))
    return SumArrays(count, total, total)


def drawn(seed: int, answers: float, rate: float, correlation: float = 0.0) -> SumArrays:
    """One step of an arm of 256 units with rates of their own, which are hashed into as many buckets."""
    chance = np.random.default_rng(seed)
    count = chance.poisson(answers / BUCKETS, BUCKETS)
    own = (
        chance.beta(rate * (1 / correlation - 1), (1 - rate) * (1 / correlation - 1), BUCKETS) if correlation else rate
    )
    bucket = chance.integers(0, BUCKETS, BUCKETS)
    counts, totals = (np.bincount(bucket, one, BUCKETS)[None] for one in (count, chance.binomial(count, own)))
    return SumArrays(counts, totals, totals)


def test_steps_are_strata() -> None:
    """Simpson: both arms alike within each step, while most of the canary's answers are of the worse one."""
    found = difference(even((1_000, 20), (20_000, 800)), even((19_000, 380), (20_000, 800)))
    assert float(found.estimate) == pytest.approx(0.0, abs=1e-12)
    assert float(found.answers) == pytest.approx(950 + 10_000)


def test_a_step_of_one_arm_alone_is_left_out() -> None:
    """At a share of 1 there is nothing to compare."""
    found = difference(even((1_000, 30), (50_000, 5_000)), even((1_000, 20), (0, 0)))
    assert float(found.estimate) == pytest.approx(0.01)
    assert float(found.answers) == pytest.approx(500)


def test_both_variances_of_one_step() -> None:
    """Written out: sums of squares of residuals, and one correlation for both arms."""
    canary, stable = drawn(1, 3_000, 0.05, 0.02), drawn(2, 9_000, 0.05, 0.02)
    found = difference(canary, stable).variances(0.0)
    both = canary.count.sum() + stable.count.sum()
    rate = (canary.total.sum() + stable.total.sum() + 0.5) / (both + 1)
    sandwich, independent, excess, pairs, shared = 0.0, 0.0, 0.0, 0.0, 0.0
    for arm in (canary, stable):
        count, clusters = arm.count.sum(), np.count_nonzero(arm.count)
        few = clusters / (clusters - 1)
        own = (arm.total.sum() + 0.5) / (count + 1)
        squares = (np.sum(arm.count**2) - count**2 / BUCKETS) / (1 - 1 / BUCKETS)
        independent += rate * (1 - rate) / count
        robust = few * np.sum((arm.total - rate * arm.count) ** 2) / count**2
        sandwich += max(robust, rate * (1 - rate) / count)
        excess += few * np.sum((arm.total - own * arm.count) ** 2) - own * (1 - own) * count
        pairs += own * (1 - own) * (squares - count)
        shared += rate * (1 - rate) * (squares - count) / count**2
    assert float(found.independent) == pytest.approx(independent)
    assert float(found.sandwich) == pytest.approx(sandwich)
    assert float(found.pooled) == pytest.approx(independent + excess / pairs * shared)
    assert 0 < excess < pairs


def test_a_canary_that_is_far_better_has_no_users_that_differ() -> None:
    """Its distance from the edge of the margin is no correlation."""
    canary, stable = drawn(1, 10_240, 0.02), drawn(2, 10_240, 0.02)
    near, far = (difference(canary, stable).variances(margin) for margin in (0.0, 0.1))
    for variances in (near, far):
        assert float(variances.pooled / variances.independent) == pytest.approx(1, abs=0.3)
    assert far.sandwich > 1.5 * far.independent


def test_the_rates_at_the_edge_differ_by_the_margin() -> None:
    """Without an event in either arm the stable version's is about 0, and the canary's is the margin."""
    found = difference(even((10_000, 0)), even((10_000, 0))).variances(0.003)
    assert float(found.independent) == pytest.approx(0.003 * 0.997 / 10_000, rel=0.02)
    assert float(found.events) == pytest.approx(30, rel=0.03)


def test_the_evidence_is_the_half_normal_mixture() -> None:
    """In units of answers it is that of the difference in units of information."""
    found = difference(drawn(1, 20_000, 0.04), drawn(2, 20_000, 0.02))
    variances = found.variances(0.0)
    information = 1 / float(variances.pooled)
    rho = mixture_variance(PLANNED, 2 * ALPHA) / float(found.answers * variances.independent)
    expected = log_evidence_one_sided(float(found.estimate) * information, information, rho)
    assert float(found.log_above(0.0, PLANNED, ALPHA)) == pytest.approx(float(expected))
    assert expected > 10


def test_above_and_below_mirror_each_other() -> None:
    """With both arms exchanged."""
    canary, stable = drawn(1, 20_000, 0.04), drawn(2, 20_000, 0.02)
    above = difference(canary, stable).log_above(0.0, PLANNED, ALPHA)
    assert float(difference(stable, canary).log_below(0.0, PLANNED, ALPHA)) == pytest.approx(float(above))


@pytest.mark.parametrize("units", [5, 30, 60])
def test_few_units_give_no_verdict(units: int) -> None:
    """However many answers each of them has."""
    count, total = np.zeros((1, 4_096)), np.zeros((1, 4_096))
    count[0, :units], total[0, :units] = 5_000, 5_000 * 0.02
    worse = total * 3
    found = difference(SumArrays(count, worse, worse), SumArrays(count, total, total))
    assert (float(found.log_above(0.0, PLANNED, ALPHA)) > 0) == (units >= EFFECTIVE_UNITS_MIN)


def test_few_events_give_no_verdict() -> None:
    """Ten in both arms are too few for a normal law."""
    found = difference(even((20_000, 10)), even((20_000, 0)))
    assert float(found.log_above(0.0, PLANNED, ALPHA)) <= 0


@pytest.mark.parametrize("kind", [RATE, LOG])
def test_the_interval_shrinks_round_the_estimate(kind: object) -> None:
    """And is everything without answers."""
    none = difference(SumArrays.zeros((1, BUCKETS)), SumArrays.zeros((1, BUCKETS)), kind)
    assert [float(one) for one in none.interval(PLANNED, ALPHA)] == ([-1, 1] if kind is RATE else [-math.inf, math.inf])
    widths = []
    for answers in (1_000, 10_000, 100_000):
        found = difference(drawn(1, answers, 0.04), drawn(2, answers, 0.02), kind)
        low, high = found.interval(PLANNED, ALPHA)
        assert low < found.estimate < high
        widths.append(float(high - low))
    assert widths == sorted(widths, reverse=True)


def test_correlated_answers_widen_it() -> None:
    """By about the square root of the design effect: 40 answers a unit with a correlation of 0.1 are worth 8."""
    alike, correlated = (
        difference(drawn(1, 10_240, 0.05, one), drawn(2, 10_240, 0.05, one)).variances() for one in (0.0, 0.1)
    )
    for name in ("sandwich", "pooled"):
        effect = getattr(correlated, name) / correlated.independent
        assert float(effect) == pytest.approx(1 + 39 * 0.1, rel=0.35)
        assert float(getattr(alike, name) / alike.independent) == pytest.approx(1, abs=0.25)


def all_of(found: ArmsDifference) -> list[Floats]:
    """All that is told."""
    evidence = [
        test(margin, PLANNED, ALPHA, larger=larger)
        for test in (found.log_above, found.log_below)
        for margin in (0.0, 0.01)
        for larger in (False, True)
    ]
    return [*evidence, found.estimate, found.canary_units, found.stable_units, *found.variances(0.01)[:3]]


@given(bucket_arrays(RATE), bucket_arrays(RATE))
def test_rates_of_any_sums_are_finite(canary: SumArrays, stable: SumArrays) -> None:
    """No variance is below that of independent answers, and an interval holds the estimate."""
    found = difference(canary, stable)
    assert all(np.isfinite(one).all() for one in all_of(found))
    variances = found.variances(0.0)
    assert variances.sandwich >= variances.independent >= 0
    assert variances.pooled >= variances.independent
    low, high = found.interval(PLANNED, ALPHA)
    assert -1 <= low <= found.estimate <= high <= 1


@given(bucket_arrays(LOG), bucket_arrays(LOG))
def test_logarithms_of_any_sums_are_finite(canary: SumArrays, stable: SumArrays) -> None:
    """The same."""
    found = difference(canary, stable, LOG)
    assert all(np.isfinite(one).all() for one in all_of(found))
    low, high = found.interval(PLANNED, ALPHA)
    assert low <= found.estimate <= high
