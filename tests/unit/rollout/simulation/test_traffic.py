"""Who asks: heavy users, coins that stay, and what hour and drift do to both arms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from extproc.rollout.simulation.traffic import SimulatedTraffic, TrafficModel

RUNS, SIZE = 20, 4_000


def traffic(seed: int = 1, **model: float) -> SimulatedTraffic:
    """Of some runs."""
    return SimulatedTraffic(TrafficModel(**model), RUNS, np.random.default_rng(seed))  # type: ignore[arg-type]


def shares(share: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The same for all runs."""
    return np.full(RUNS, share)


STEP = np.zeros(RUNS, dtype=np.int64)


def test_a_unit_keeps_its_arm() -> None:
    """And a raised share moves units to the canary only."""
    drawn = traffic(users=100)
    low, again, high = (drawn.block(shares(one), STEP, SIZE) for one in (0.25, 0.25, 0.5))
    arms = [
        {(run, user): arm for run in range(RUNS) for user, arm in zip(one.unit[run], one.is_canary[run], strict=True)}
        for one in (low, again, high)
    ]
    assert all(arms[1].get(unit, arm) == arm for unit, arm in arms[0].items())
    moved = [(arm, arms[2][unit]) for unit, arm in arms[0].items() if unit in arms[2] and arms[2][unit] != arm]
    assert moved
    assert all(after and not before for before, after in moved)


def test_a_few_users_ask_most() -> None:
    """A tenth of them more than half, at a tail of 1.2; and each in one bucket."""
    block = traffic(users=2_000).block(shares(0.5), STEP, SIZE)
    asked = np.sort(np.bincount(block.unit[0], minlength=2_000))[::-1]
    assert asked[:200].sum() > 0.5 * SIZE
    assert len({*zip(block.unit.ravel().tolist(), block.bucket.ravel().tolist(), strict=True)}) == len(
        np.unique(block.unit)
    )


@pytest.mark.parametrize("users", [0, 2_000])
def test_the_share_of_units_is_that_of_the_step(users: int) -> None:
    """Over units; of exchanges it varies with heavy users."""
    block = traffic(users=users).block(shares(0.25), STEP, SIZE)
    if not users:
        assert block.is_canary.mean() == pytest.approx(0.25, abs=0.01)
        return
    units = {
        (run, user): arm for run in range(RUNS) for user, arm in zip(block.unit[run], block.is_canary[run], strict=True)
    }
    assert np.mean(list(units.values())) == pytest.approx(0.25, abs=0.02)


def test_a_seed_gives_the_same_traffic() -> None:
    """And another one another."""
    first, same, other = (traffic(seed).block(shares(0.5), STEP, 100).unit.tolist() for seed in (1, 1, 2))
    assert first == same != other


def test_hours_and_drift_are_those_of_both_arms() -> None:
    """In logarithms: a wave each day, and a slope."""
    model = TrafficModel(day=1_000, rhythm=0.3, drift=0.1)
    assert model.log_level(250) == pytest.approx(0.3 + 0.025)
    assert model.log_level(2_000) == pytest.approx(0.2)
    assert math.isclose(TrafficModel(rhythm=0, drift=0).log_level(777), 0.0)
