"""Sums of simulated arms, against exchanges that are looked at one by one."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from extproc.rollout.simulation.arms import SimulatedArms
from extproc.rollout.simulation.signals import SignalModel, SimulatedSignal
from extproc.rollout.simulation.traffic import Exchanges, SimulatedTraffic, TrafficModel
from extproc.statistics.cluster_sums import ClusterSums
from extproc.statistics.references import SignalKind
from extproc.statistics.sums import SumArrays

RUNS, BLOCKS, SIZE = 6, 5, 200
SHARES = np.array([0.25, 0.5])
SEED = 9


def simulated(model: SignalModel, users: int) -> tuple[SimulatedArms, list[Exchanges], list[np.ndarray]]:
    """Sums, and the exchanges and values that they are made from; half of the runs reach the second step."""
    traffic = TrafficModel(users=users)
    drawn = SimulatedTraffic(traffic, RUNS, np.random.default_rng(SEED))
    arms = SimulatedArms(model, traffic, SHARES, RUNS, np.random.default_rng(SEED + 1))
    same = SimulatedSignal(model, traffic, RUNS, np.random.default_rng(SEED + 1))
    blocks, values = [], []
    for number in range(BLOCKS):
        step = np.where(np.arange(RUNS) % 2 == 0, 0, int(number > 2))
        blocks.append(drawn.block(SHARES[step], step, SIZE))
        values.append(same.values(blocks[-1], number * SIZE))
        arms.add(blocks[-1], drawn.exchanges)
    return arms, blocks, values


@pytest.mark.parametrize("users", [0, 300])
@pytest.mark.parametrize(
    "model",
    [SignalModel(SignalKind.RATE, 0.1, correlation=0.05), SignalModel(SignalKind.LOG, sd=0.5, correlation=0.05)],
)
def test_sums_are_those_of_the_exchanges(model: SignalModel, users: int) -> None:
    """By run, step, arm and bucket."""
    arms, blocks, values = simulated(model, users)
    count, total, squares = (np.zeros((2, RUNS, 2, 256)) for _ in range(3))
    events, seen = np.zeros((2, RUNS, 2)), set()
    for block, found in zip(blocks, values, strict=True):
        for run in range(RUNS):
            for number in range(SIZE):
                arm, step, value = int(block.is_canary[run, number]), int(block.step[run]), float(found[run, number])
                place = arm, run, step, int(block.bucket[run, number])
                count[place] += 1
                total[place] += value
                squares[place] += value * value
                unit = int(block.unit[run, number]) if users else object()
                if value and unit not in seen:
                    seen.add(unit)
                    events[arm, run, step] += 1
    sums = arms.sums()
    for arm, kept in enumerate((sums.stable, sums.canary)):
        expected = ClusterSums.of(SumArrays(count[arm], total[arm], squares[arm]))
        for field in fields(ClusterSums):
            assert getattr(kept, field.name) == pytest.approx(getattr(expected, field.name), abs=1e-3), field.name
    if model.kind is SignalKind.RATE:
        assert sums.events is not None
        assert [one.tolist() for one in sums.events] == [events[1].tolist(), events[0].tolist()]
    else:
        assert sums.events is None


def test_feedback_comes_late() -> None:
    """With a delay of two blocks the last two are not known yet; the step is that of the exchange."""
    model = SignalModel(SignalKind.RATE, 0.1, delay=2 * SIZE)
    late = simulated(model, 300)[0].sums()
    assert (late.canary.count + late.stable.count).sum() == RUNS * (BLOCKS - 2) * SIZE
    assert (late.canary.count + late.stable.count)[:, 1].sum() == 0
