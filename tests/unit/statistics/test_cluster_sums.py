"""Sums over clusters, against users that are looked at one by one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.statistics.arrays import Floats
from extproc.statistics.cluster_sums import ClusterSums, quadratic
from extproc.statistics.sums import SumArrays
from tests.unit.statistics.samples import bucket_arrays, row

BUCKETS = 256


def hashed(count: Floats, total: Floats, bucket: npt.NDArray[np.int64]) -> SumArrays:
    """Users by step, in the last axis, put into buckets."""
    sums = SumArrays.zeros((count.shape[0], BUCKETS))
    for step in range(count.shape[0]):
        sums.count[step] = np.bincount(bucket, count[step], BUCKETS)
        sums.total[step] = np.bincount(bucket, total[step], BUCKETS)
    return SumArrays(sums.count, sums.total, sums.total)


def users_of(chance: np.random.Generator, users: int) -> tuple[Floats, Floats]:
    """Heavy-tailed activity in two steps, and events."""
    activity = chance.pareto(1.5, users) + 1
    count = chance.poisson(np.array([[2.0], [5.0]]) * activity).astype(np.float64)
    return count, chance.binomial(count.astype(np.int64), chance.beta(0.4, 18, users)).astype(np.float64)


def test_sums_of_two_buckets() -> None:
    """By hand."""
    sums = ClusterSums.of(SumArrays(row(3, 1)[None], row(2, 1)[None], row(2, 1)[None]))
    by_step = (sums.count, sums.total, sums.squares, sums.clusters)
    assert [float(one.item()) for one in by_step] == [4, 3, 3, 2]
    assert [one.item() for one in (sums.count_squares, sums.products, sums.total_squares)] == [10, 7, 5]
    assert sums.mean == 0.75
    assert sums.residual_squares(row(0.75)) == pytest.approx((2 - 0.75 * 3) ** 2 + (1 - 0.75) ** 2)


@pytest.mark.parametrize("users", [100, 1_000, 20_000])
def test_units_that_share_a_bucket_are_told_apart_on_average(users: int) -> None:
    """Over 200 hashes of the same users the mean is theirs; of buckets alone it would be several times that."""
    chance = np.random.default_rng(users)
    count, total = users_of(chance, users)
    true = count @ count.T
    buckets = [chance.integers(0, BUCKETS, users) for _ in range(200)]
    found = [ClusterSums.of(hashed(count, total, one)).unit_squares() for one in buckets]
    assert np.mean(found, axis=0) == pytest.approx(true, rel=0.05)


@pytest.mark.parametrize("users", [100, 5_000])
def test_residuals_of_buckets_are_those_of_users_on_average(users: int) -> None:
    """They are independent, with mean 0."""
    chance = np.random.default_rng(users)
    of_buckets, of_users = [], []
    for _ in range(300):
        count, total = users_of(chance, users)
        center = row(0.4 / 18.4, 0.4 / 18.4)
        residuals = total - center[:, None] * count
        of_users.append(residuals @ residuals.T)
        of_buckets.append(
            ClusterSums.of(hashed(count, total, chance.integers(0, BUCKETS, users))).residual_squares(center)
        )
    assert np.mean(of_buckets, axis=0) == pytest.approx(np.mean(of_users, axis=0), rel=0.25)


def test_effective_units() -> None:
    """Ten users that ask alike are ten; one that asks as much as all others makes fewer."""
    alike, heavy = np.zeros((1, 4_096)), np.zeros((1, 4_096))
    alike[0, :10] = 20.0
    heavy[0, :10] = [180.0] + [20.0] * 9
    units = [float(ClusterSums.of(SumArrays(one, one, one)).effective_units(row(1.0))) for one in (alike, heavy)]
    assert units == pytest.approx([10, 360**2 / (180**2 + 9 * 20**2)], rel=0.01)


def test_a_user_of_two_steps_is_one_unit() -> None:
    """Asking in a second step adds answers, and no unit."""
    count = np.zeros((2, 4_096))
    count[:, :10] = 20.0
    assert ClusterSums.of(SumArrays(count, count, count)).effective_units(row(1.0, 1.0)) == pytest.approx(10, rel=0.01)


def test_nothing_is_no_unit() -> None:
    """And has a mean of 0."""
    sums = ClusterSums.of(SumArrays.zeros((3, 2, 8)))
    assert sums.effective_units(np.ones(2)).tolist() == [0.0] * 3
    assert sums.mean.tolist() == [[0.0] * 2] * 3


@given(bucket_arrays(), st.integers(0, 99))
def test_the_order_of_buckets_does_not_matter(buckets: SumArrays, seed: int) -> None:
    """Nor do sums go below 0 where they are of squares."""
    order = np.random.default_rng(seed).permutation(buckets.count.shape[-1])
    shuffled = SumArrays(*(one[..., order] for one in (buckets.count, buckets.total, buckets.squares)))
    sums, others = ClusterSums.of(buckets), ClusterSums.of(shuffled)
    weights = np.linspace(0.1, 1.0, buckets.count.shape[-2])
    assert others.unit_squares() == pytest.approx(sums.unit_squares())
    residuals = quadratic(weights, sums.residual_squares(sums.mean))
    assert quadratic(weights, others.residual_squares(others.mean)) == pytest.approx(residuals, rel=1e-6, abs=1e-3)
    assert residuals >= -1e-6 * float(np.max(sums.total_squares, initial=1.0))
    assert sums.effective_units(weights) <= sums.count.sum() + 1e-9
