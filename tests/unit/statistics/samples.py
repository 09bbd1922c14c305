"""Sums and references that the tests of statistics share."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from extproc.statistics.arrays import Floats
from extproc.statistics.references import ExpectedValues, SignalKind
from extproc.statistics.sums import BlockSums, SumArrays

RATE, LOG = SignalKind.RATE, SignalKind.LOG


def row(*values: float) -> Floats:
    """By stratum."""
    return np.array(values, dtype=np.float64)


def expected_of(level: list[float], variance: list[float], margin: float = 0.0, shared: float = 0.0) -> ExpectedValues:
    """A reference that is known exactly."""
    zeros, ones = np.zeros(len(level)), np.ones(len(level), dtype=np.bool_)
    return ExpectedValues(row(*level), row(*variance), zeros, zeros + margin, zeros, shared, ones)


def events(*pairs: tuple[float, float]) -> SumArrays:
    """Of a rate, by stratum: answers and events."""
    return SumArrays.of([BlockSums.of_events(count, happened) for count, happened in pairs])


def log_sums(count: float, mean: float, sd: float) -> BlockSums:
    """As of logarithms with exactly this mean and standard deviation."""
    return BlockSums(count, count * mean, count * (mean * mean + sd * sd))


counts = st.one_of(st.just(0), st.integers(1, 100), st.integers(1, 10**9), st.integers(1, 10**14))
rate_sums = counts.flatmap(
    lambda count: st.integers(0, count).map(lambda happened: BlockSums.of_events(count, happened))
)
any_log_sums = st.builds(log_sums, counts, st.floats(-300, 300), st.floats(0, 400))


@st.composite
def bucket_arrays(draw: st.DrawFn, kind: SignalKind = RATE, steps: int = 2, buckets: int = 8) -> SumArrays:
    """Of one arm of a rollout: by step and bucket, many of them empty."""
    count = np.array(
        draw(st.lists(bucket_counts, min_size=steps * buckets, max_size=steps * buckets)), dtype=np.float64
    )
    count = count.reshape(steps, buckets)
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if kind is RATE:
        total = np.floor(count * chance.choice([0.0, 0.02, 1.0]) * chance.random(count.shape))
        return SumArrays(count, total, total)
    mean, sd = chance.normal(0, 3, count.shape), chance.choice([0.0, 0.5, 30.0])
    return SumArrays(count, count * mean, count * (mean * mean + sd * sd))


bucket_counts = st.one_of(st.just(0), st.integers(1, 50), st.integers(1, 10**7))
