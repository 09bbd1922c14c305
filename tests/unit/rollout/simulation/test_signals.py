"""What is measured: levels, the change of the canary, and the correlation within a user."""

from __future__ import annotations

import numpy as np
import pytest

from extproc.rollout.simulation.signals import SignalModel, SimulatedSignal
from extproc.rollout.simulation.traffic import Exchanges, TrafficModel
from extproc.statistics.arrays import Floats
from extproc.statistics.references import SignalKind

RUNS, USERS, EACH = 40, 500, 20
TRAFFIC = TrafficModel(users=USERS, rhythm=0.0, drift=0.0)


def exchanges(is_canary: bool) -> Exchanges:
    """Each user asks as often."""
    unit = np.repeat(np.arange(RUNS * USERS), EACH).reshape(RUNS, USERS * EACH)
    return Exchanges(unit, unit % 256, np.full(unit.shape, is_canary), np.zeros(RUNS, dtype=np.int64))


def values(model: SignalModel, is_canary: bool = False, traffic: TrafficModel = TRAFFIC, since: int = 0) -> Floats:
    """By run, user and exchange."""
    found = SimulatedSignal(model, traffic, RUNS, np.random.default_rng(3)).values(exchanges(is_canary), since)
    return np.asarray(found, dtype=np.float64).reshape(RUNS, USERS, EACH)


@pytest.mark.parametrize(
    ("model", "stable", "canary"),
    [
        (SignalModel(SignalKind.RATE, 0.1), 0.1, 0.1),
        (SignalModel(SignalKind.RATE, 0.1, change=0.05), 0.1, 0.15),
        (SignalModel(SignalKind.RATE, 0.1, correlation=0.05, ratio=2.0), 0.1, 0.2),
        (SignalModel(SignalKind.RATE, 0.0, change=0.2), 0.0, 0.2),
        (SignalModel(SignalKind.LOG, sd=0.5, change=0.2), 0.0, 0.2),
        (SignalModel(SignalKind.LOG, sd=0.5, correlation=0.3, change=0.2), 0.0, 0.2),
    ],
)
def test_levels_of_both_arms(model: SignalModel, stable: float, canary: float) -> None:
    """Means over users."""
    assert values(model).mean() == pytest.approx(stable, abs=0.006)
    assert values(model, is_canary=True).mean() == pytest.approx(canary, abs=0.006)


@pytest.mark.parametrize("correlation", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("kind", SignalKind)
def test_answers_of_one_user_are_correlated_as_declared(kind: SignalKind, correlation: float) -> None:
    """The covariance of two answers of one user, over the variance of one."""
    found = values(SignalModel(kind, level=0.05, sd=0.5, correlation=correlation))
    centered = found - found.mean()
    total, own = centered.sum(axis=-1), (centered * centered).sum(axis=-1)
    covariance = np.mean((total * total - own) / (EACH * (EACH - 1)))
    assert covariance / centered.var() == pytest.approx(correlation, abs=0.01)


@pytest.mark.parametrize("is_canary", [False, True])
def test_hours_change_the_level_of_both_arms(is_canary: bool) -> None:
    """A rate is multiplied, a logarithm shifted."""
    daily = TrafficModel(users=USERS, day=1_000, rhythm=0.5, drift=0.0)
    rates = [values(SignalModel(SignalKind.RATE, 0.05), is_canary, daily, since).mean() for since in (0, 250)]
    assert rates[1] / rates[0] == pytest.approx(np.exp(0.5), rel=0.05)
    logs = [values(SignalModel(SignalKind.LOG, sd=0.5), is_canary, daily, since).mean() for since in (0, 250)]
    assert logs[1] - logs[0] == pytest.approx(0.5, abs=0.01)
