"""The evidence of a gate: directions, margins, and sums that are merged in any order."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.rollout_gates import Worse
from extproc.statistics.cluster_sums import ClusterSums
from extproc.statistics.gate_evidence import (
    EvidencePlan,
    FirstEvents,
    GateMargins,
    GateSums,
    gate_evidence,
    log_promote_threshold,
    log_roll_back_threshold,
)
from extproc.statistics.references import SignalKind
from extproc.statistics.sums import SumArrays
from tests.unit.statistics.samples import LOG, RATE, bucket_arrays, row

BUCKETS = 256
SHARES = row(0.5)
POINT = GateMargins(0.0025, 0.01)
ROLL_BACK, PROMOTE = log_roll_back_threshold(0.01, 1 / 8), log_promote_threshold(0.01)


def rates(canary: float, stable: float, answers: float = 20_000, *, labeled: bool = True) -> GateSums:
    """Of both arms at a share of one half, where each event is of another unit."""
    new, old = (even(answers, answers * one, answers * one) for one in (canary, stable))
    events = FirstEvents(row(answers * canary), row(answers * stable)) if labeled else None
    return GateSums(RATE, SHARES, new, old, events)


def logs(shift: float, answers: float = 20_000, sd: float = 0.5) -> GateSums:
    """Of both arms, the canary's shifted."""
    canary, stable = (drawn_logs(answers, mean, sd, number) for number, mean in enumerate((4.0 + shift, 4.0)))
    return GateSums(LOG, SHARES, canary, stable)


def even(answers: float, total: float, squares: float) -> ClusterSums:
    """Spread over buckets."""
    return ClusterSums.of(SumArrays(*(np.full((1, BUCKETS), one / BUCKETS) for one in (answers, total, squares))))


def drawn_logs(answers: float, mean: float, sd: float, seed: int) -> ClusterSums:
    """Bucket totals vary as those of independent answers do."""
    count = np.full((1, BUCKETS), answers / BUCKETS)
    total = count * mean + np.random.default_rng(seed).normal(0, sd, count.shape) * np.sqrt(count)
    return ClusterSums.of(SumArrays(count, total, count * (mean * mean + sd * sd)))


def test_thresholds() -> None:
    """Alpha is split over gates for a roll back, and not for a promotion."""
    assert pytest.approx(math.log(800)) == ROLL_BACK
    assert pytest.approx(math.log(100)) == PROMOTE


@pytest.mark.parametrize("labeled", [True, False])
def test_a_rate_that_doubles_is_worse_and_one_that_stays_is_not(labeled: bool) -> None:
    """With the label test and without."""
    doubled = gate_evidence(rates(0.04, 0.02, labeled=labeled), Worse.UP, POINT)
    same = gate_evidence(rates(0.02, 0.02, labeled=labeled), Worse.UP, POINT)
    assert doubled.log_worse > ROLL_BACK
    assert doubled.log_not_worse < 0
    assert same.log_worse < 0
    assert same.log_not_worse > PROMOTE
    assert doubled.estimate == pytest.approx(0.02)
    assert doubled.canary_count == doubled.stable_count == 20_000


def test_harm_within_the_margin_is_not_rolled_back() -> None:
    """However well it is proven: 0.3 and 0.4 % of a million."""
    sums = rates(0.004, 0.003, 1e6)
    found = gate_evidence(sums, Worse.UP, POINT)
    assert gate_evidence(sums, Worse.UP, GateMargins(0.0, 0.01)).log_worse > ROLL_BACK
    assert found.log_worse <= 0
    assert found.log_not_worse > PROMOTE


def test_directions_mirror_each_other() -> None:
    """What is worse when it falls."""
    fell = gate_evidence(rates(0.02, 0.04), Worse.DOWN, POINT)
    rose = gate_evidence(rates(0.04, 0.02), Worse.UP, POINT)
    assert fell.log_worse == pytest.approx(float(rose.log_worse))
    assert gate_evidence(rates(0.04, 0.02), Worse.DOWN, POINT).log_worse < 0
    assert gate_evidence(rates(0.04, 0.02), Worse.DOWN, POINT).log_not_worse > PROMOTE


@pytest.mark.parametrize("shift", [math.log(1.2), math.log(0.8)])
def test_either_direction_is_worse(shift: float) -> None:
    """With half of alpha each; and it is promoted only where it is within the margin on both sides."""
    margins = GateMargins(0.02, math.log(1.1))
    found = gate_evidence(logs(shift), Worse.EITHER, margins)
    one = gate_evidence(logs(shift), Worse.UP if shift > 0 else Worse.DOWN, margins)
    assert found.log_worse == pytest.approx(float(one.log_worse) - math.log(2))
    assert found.log_worse > ROLL_BACK
    assert found.log_not_worse < 0
    assert gate_evidence(logs(0.0), Worse.EITHER, margins).log_not_worse > PROMOTE


def test_an_interval_is_wider_where_it_is_surer() -> None:
    """And holds the estimate."""
    narrow, wide = (
        gate_evidence(logs(0.1), Worse.UP, POINT, EvidencePlan(interval_alpha=one)) for one in (0.05, 0.001)
    )
    assert wide.low < narrow.low < narrow.estimate < narrow.high < wide.high


def test_margins_of_each_run() -> None:
    """Rollouts at different steps have different margins."""
    one, two = rates(0.02, 0.02), rates(0.025, 0.02)
    both = GateSums(RATE, SHARES, stacked(one.canary, two.canary), stacked(one.stable, two.stable))
    found = gate_evidence(both, Worse.UP, GateMargins(0.0, row(0.01, 0.04)))
    for number, (sums, margin) in enumerate([(one, 0.01), (two, 0.04)]):
        alone = gate_evidence(sums, Worse.UP, GateMargins(0.0, margin))
        assert found.log_not_worse[number] == pytest.approx(float(alone.log_not_worse))


def stacked(*several: ClusterSums) -> ClusterSums:
    """Of several runs."""
    names = (one.name for one in fields(ClusterSums) if one.name != "buckets")
    return ClusterSums(**{name: np.stack([getattr(one, name) for one in several]) for name in names}, buckets=BUCKETS)


Replica = tuple[SumArrays, SumArrays, FirstEvents]
"""Canary, stable version, and first events of units."""


def all_of(kind: SignalKind) -> st.SearchStrategy[Replica]:
    """What one replica may have counted, in two steps."""
    events = st.lists(st.integers(0, 10**5), min_size=2, max_size=2).map(lambda one: row(*one))
    return st.tuples(bucket_arrays(kind), bucket_arrays(kind), st.builds(FirstEvents, events, events))


def added(kind: SignalKind, one: Replica, other: Replica) -> GateSums:
    """What both have counted."""
    canary, stable = (ClusterSums.of(mine.plus(theirs)) for mine, theirs in zip(one[:2], other[:2], strict=True))
    events = FirstEvents(one[2].canary + other[2].canary, one[2].stable + other[2].stable)
    return GateSums(kind, row(0.05, 0.5), canary, stable, events if kind is RATE else None)


@pytest.mark.parametrize("kind", SignalKind)
@pytest.mark.parametrize("worse", Worse)
@given(st.data())
def test_any_sums_have_evidence(kind: SignalKind, worse: Worse, data: st.DataObject) -> None:
    """Never NaN; and sums of replicas, added in any order, say the same."""
    first, second = data.draw(all_of(kind)), data.draw(all_of(kind))
    merged = [gate_evidence(added(kind, *pair), worse, POINT) for pair in ((first, second), (second, first))]
    assert merged[0] == merged[1]
    assert not any(np.isnan(one) for one in merged[0])
    assert all(np.isfinite(one) for one in (merged[0].log_worse, merged[0].log_not_worse, merged[0].estimate))
    assert merged[0].low <= merged[0].estimate <= merged[0].high
    assert min(merged[0][-4:]) >= 0
