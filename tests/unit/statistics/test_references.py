"""References say whether they are any, and what is expected."""

from __future__ import annotations

import math

import numpy as np
import pytest

from extproc.statistics.references import (
    EVENTS_MIN,
    HOURS_A_WEEK,
    STRATUM_EVENTS_MIN,
    ReferenceState,
    SignalKind,
    pinned_reference,
    same_hours_reference,
)
from extproc.statistics.sums import BlockSums
from tests.unit.statistics.samples import LOG, RATE, log_sums

MANY = BlockSums.of_events(50_000, 1_000)


@pytest.mark.parametrize(
    ("kind", "window", "state"),
    [
        (RATE, {}, ReferenceState.EMPTY),
        (RATE, {"a": BlockSums()}, ReferenceState.EMPTY),
        (RATE, {"a": BlockSums.of_events(10**6, EVENTS_MIN - 1)}, ReferenceState.FEW_EVENTS),
        (RATE, {"a": BlockSums.of_events(10**6, EVENTS_MIN)}, ReferenceState.READY),
        (RATE, {"a": BlockSums.of_events(10**6, 10**6 - EVENTS_MIN + 1)}, ReferenceState.FEW_EVENTS),
        (RATE, {"a": BlockSums.of_events(10**6, 300), "b": BlockSums.of_events(10**6, 200)}, ReferenceState.READY),
        (LOG, {"a": log_sums(EVENTS_MIN - 1, 3, 1)}, ReferenceState.FEW_EVENTS),
        (LOG, {"a": log_sums(EVENTS_MIN, 3, 1)}, ReferenceState.READY),
    ],
)
def test_a_reference_needs_events(kind: SignalKind, window: dict[str, BlockSums], state: ReferenceState) -> None:
    """Over all its strata, and of a rate what is rarer."""
    assert pinned_reference(kind, window).state is state
    week = {name: [sums, *[BlockSums()] * (HOURS_A_WEEK - 1)] for name, sums in window.items()}
    assert same_hours_reference(kind, week, 0).state is state


def test_a_small_stratum_is_left_out() -> None:
    """And one that is not known."""
    small = BlockSums.of_events(2_000, STRATUM_EVENTS_MIN - 1)
    reference = pinned_reference(RATE, {"big": MANY, "small": small})
    assert [reference.usable(name) for name in ("big", "small", "new")] == [True, False, False]
    assert reference.of(["new", "small", "big"], 4).usable.tolist() == [False, False, True, False]


def test_what_is_pinned_is_wrong_by_its_errors() -> None:
    """Two of them are no drift, or the tolerance where that is more."""
    expected = pinned_reference(RATE, {"a": MANY}).of(["a"], 1)
    assert expected.level[0] == pytest.approx(0.02, rel=1e-3)
    assert expected.margin[0] == pytest.approx(2 / math.sqrt(1_000 * 0.98), rel=1e-3)
    assert expected.shared_variance == expected.own_variance[0] == 0
    wide = pinned_reference(LOG, {"a": log_sums(10**6, 3, 1)}, tolerance=1.2).of(["a"], 1)
    assert wide.margin[0] == pytest.approx(math.log(1.2), rel=1e-3)


def test_the_same_hours_are_smoothed_over_three() -> None:
    """Round the clock: the first hour of the week is after the last."""
    week = [BlockSums.of_events(1_000, hour) for hour in range(HOURS_A_WEEK)]
    levels = {hour: same_hours_reference(RATE, {"a": week}, hour).of(["a"], 1).level[0] for hour in (0, 50, 167)}
    assert levels[50] == pytest.approx(150.5 / 3_001)
    assert levels[0] == pytest.approx((167 + 0 + 1 + 0.5) / 3_001)
    assert levels[167] == pytest.approx((166 + 167 + 0 + 0.5) / 3_001)


def test_hours_vary_and_so_do_their_estimates() -> None:
    """Both as variances of an hour."""
    week = [BlockSums.of_events(1_000, 20)] * HOURS_A_WEEK
    expected = same_hours_reference(RATE, {"a": week}, 3, weeks_log_sd=0.2).of(["a"], 1)
    assert expected.shared_variance == pytest.approx(2 * 0.2**2)
    assert expected.own_variance[0] == pytest.approx(3 / (60 * 0.98), rel=0.02)
    assert expected.margin[0] == pytest.approx(math.log(1.1))


def test_an_hour_without_events_is_not_compared() -> None:
    """As where nobody works at night."""
    week = [BlockSums()] * 12 + [BlockSums.of_events(1_000, 20)] * (HOURS_A_WEEK - 12)
    assert not same_hours_reference(RATE, {"a": week}, 5).usable("a")
    assert same_hours_reference(RATE, {"a": week}, 12).usable("a")


def test_a_constant_has_a_variance() -> None:
    """Else a difference of rounding would be infinite evidence."""
    expected = pinned_reference(LOG, {"a": log_sums(1_000, 3, 0)}).of(["a"], 1)
    assert expected.variance[0] == pytest.approx(0.05**2)


def test_nothing_is_infinite_without_data() -> None:
    """What is not used is a number too."""
    for kind in SignalKind:
        expected = pinned_reference(kind, {}).of(["a"], 2)
        assert not expected.usable.any()
        assert all(np.isfinite(one).all() for one in expected)
