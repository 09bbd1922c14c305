"""Hard failures: two units, a healthy stable version, and evidence whose mean is 1 at most."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.statistics.hard_failure import BLAME, HardFailures, log_hard_failure
from tests.unit.statistics.samples import row

HEALTHY = HardFailures(np.array(400.0), row(0))
QUARTER = row(0.25)
THRESHOLD = math.log(100)


def evidence(attempts: float, failed_units: float, stable: HardFailures = HEALTHY, declared: float = 0.01) -> float:
    """Of a canary."""
    canary = HardFailures(np.array(float(attempts)), row(failed_units))
    return float(log_hard_failure(canary, stable, QUARTER, declared))


def test_near_the_mixture_with_a_beta_law() -> None:
    """ville's BernoulliTest of 8 in 40 against 2 %: 10.07121. It spends half of its weight below and far above."""
    assert evidence(40, 8, declared=0.02) == pytest.approx(10.57, abs=0.01)


@pytest.mark.parametrize(("declared", "true"), [(0.01, 0.01), (0.02, 0.01), (0.3, 0.3), (0.3, 0.01)])
def test_the_mean_is_one_at_most(declared: float, true: float) -> None:
    """Over all that can happen to 20 units, one attempt each."""
    mean = sum(
        math.comb(20, failed)
        * true**failed
        * (1 - true) ** (20 - failed)
        * math.exp(evidence(20, failed, HEALTHY, declared))
        for failed in range(21)
    )
    assert 0 < mean <= 1 + 1e-9


def test_few_attempts_suffice() -> None:
    """Where every attempt fails three are enough for a small share of alpha."""
    assert evidence(3, 3) > math.log(800)


def test_one_unit_is_no_outage() -> None:
    """However sure it is that one unit fails."""
    assert evidence(1, 1, declared=0.0001) <= 0
    assert evidence(3, 3, declared=0.0001) > THRESHOLD


def test_an_outage_of_both_arms_blames_nobody() -> None:
    """In any share; and where the canary has all traffic there is nothing to compare."""
    assert evidence(40, 20) > THRESHOLD
    assert evidence(40, 20, HardFailures(np.array(120.0), row(60))) <= 0
    assert evidence(40, 40, HardFailures(np.array(120.0), row(120))) <= 0
    alone = HardFailures(np.array(40.0), row(40)), HardFailures(np.array(0.0), row(0))
    assert log_hard_failure(*alone, row(1.0), 0.01) <= 0
    assert log_hard_failure(*alone, row(0.5), 0.01) > THRESHOLD


def test_an_outage_of_both_arms_is_rarely_blamed_on_the_canary() -> None:
    """Over all labels of its failures, looked at after each: in at most one of ``BLAME``, here far less."""
    share, blamed = 0.25, 0.0
    for labels in product((0, 1), repeat=10):
        probability = math.prod(share if one else 1 - share for one in labels)
        seen = [HardFailures(np.array(5.0), row(sum(labels[:number]))) for number in range(1, 11)]
        stables = [HardFailures(np.array(100.0), row(number - sum(labels[:number]))) for number in range(1, 11)]
        blamed += probability * any(
            log_hard_failure(one, other, row(share), 0.01) > THRESHOLD for one, other in zip(seen, stables, strict=True)
        )
    assert 0 < blamed <= 1 / BLAME


def test_in_an_outage_it_takes_more_to_blame_the_canary() -> None:
    """Of the same failures of the canary, once the stable version fails as well."""
    healthy, failing = HardFailures(np.array(120.0), row(3)), HardFailures(np.array(40.0), row(3))
    assert evidence(20, 5, healthy) > THRESHOLD
    assert evidence(20, 5, failing) <= 0
    assert evidence(20, 12, failing) > THRESHOLD


def test_steps_have_shares_of_their_own() -> None:
    """Five failures of each arm at 5 % are the canary's; at 50 % they are nobody's."""
    both = HardFailures(np.array(30.0), row(5, 0)), HardFailures(np.array(410.0), row(5, 0))
    assert log_hard_failure(*both, row(0.05, 0.5), 0.01) > THRESHOLD
    assert log_hard_failure(*both, row(0.5, 0.05), 0.01) <= 0


def test_more_attempts_without_a_failure_calm() -> None:
    """So to count all attempts of a unit that has failed is slower, and never false."""
    found = [evidence(attempts, 8) for attempts in (10, 40, 100, 1_000)]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("declared", [0.0, 1.0, -0.1, math.nan])
def test_a_rate_that_cannot_be_declared(declared: float) -> None:
    """It is said what was expected."""
    with pytest.raises(ValueError, match="expected a share between 0 and 1"):
        evidence(10, 1, declared=declared)


@given(st.integers(0, 10**9), st.floats(0, 1), st.integers(0, 10**9), st.floats(0, 1))
def test_it_is_finite(attempts: int, failed: float, of_stable: int, failed_of_stable: float) -> None:
    """On any counts."""
    stable = HardFailures(np.array(float(of_stable)), row(int(of_stable * failed_of_stable)))
    assert np.isfinite(evidence(attempts, int(attempts * failed), stable))
