"""Sums and references that the tests of statistics share."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from extproc.statistics.references import ExpectedValues, SignalKind
from extproc.statistics.sums import BlockSums, Floats, SumArrays

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
