"""Rollouts that decide: what is harmless goes through, what is harmful comes back."""

from __future__ import annotations

import numpy as np
import pytest

from extproc.domain.rollout_gates import Worse
from extproc.rollout.simulation.signals import SignalModel
from extproc.rollout.simulation.traffic import TrafficModel
from extproc.rollout.simulation.walks import (
    HardFailureRule,
    Looks,
    SimulatedGate,
    SimulatedPlan,
    SimulatedStep,
    Walked,
    first_found,
    walked,
)
from extproc.statistics.gate_evidence import EvidencePlan
from extproc.statistics.references import SignalKind

EACH_ITS_OWN = TrafficModel(users=0, rhythm=0.0, drift=0.0)
STEPS = (SimulatedStep(0.05, 4.0, 200), SimulatedStep(0.5, 1.0, 1_000))
RUNS = 10


def refusals(ratio: float) -> SimulatedGate:
    """2 %, of the canary several times as many."""
    return SimulatedGate(SignalModel(SignalKind.RATE, 0.02, ratio=ratio), Worse.UP, 0.0025, 0.01, 0.5)


def durations(shift: float) -> SimulatedGate:
    """Of the canary longer."""
    return SimulatedGate(SignalModel(SignalKind.LOG, sd=0.5, change=shift), Worse.UP, 0.0, 0.1, 0.5)


def walk(*gates: SimulatedGate, traffic: TrafficModel = EACH_ITS_OWN, until: int = 60_000) -> Walked:
    """Through 5 and 50 %."""
    plan = SimulatedPlan(gates, STEPS, EvidencePlan())
    return walked(plan, traffic, Looks(500, until), RUNS, np.random.default_rng(2))


def test_what_is_harmless_is_promoted() -> None:
    """After the least answers of each step."""
    found = walk(refusals(1.0), durations(0.0))
    assert found.promoted.mean() >= 0.9
    assert not found.rolled_back.any()
    assert (found.canary_exchanges >= 1_000).all()


@pytest.mark.parametrize("gates", [(refusals(4.0), durations(0.0)), (refusals(1.0), durations(0.4))])
def test_one_harmful_gate_rolls_back(gates: tuple[SimulatedGate, SimulatedGate]) -> None:
    """Soon, and never to be promoted."""
    found = walk(*gates)
    assert found.rolled_back.all()
    assert not found.promoted.any()
    assert (found.canary_exchanges < 1_500).all()


def test_each_step_lasts_its_least_time() -> None:
    """In exchanges of both arms since the step began, which are noted when it ends."""
    steps = (SimulatedStep(0.2, 4.0, exchanges_min=15_000), SimulatedStep(0.5, 1.0, exchanges_min=20_000))
    plan = SimulatedPlan((durations(0.0),), steps, EvidencePlan())
    found = walked(plan, EACH_ITS_OWN, Looks(500, 60_000), RUNS, np.random.default_rng(2))
    assert found.promoted.all()
    first, second = found.step_ends.T
    assert (first >= 15_000).all()
    assert (second >= first + 20_000).all()
    assert (found.exchanges == second).all()


def test_each_step_waits_for_its_own_answers() -> None:
    """Those of the step before are none of its own, though the evidence has all."""
    lenient = SimulatedGate(SignalModel(SignalKind.LOG, sd=0.5), Worse.UP, 0.0, 1.0, 0.5)
    plan = SimulatedPlan((lenient,), (SimulatedStep(0.5, answers_min=2_000),) * 2, EvidencePlan())
    first, second = walked(plan, EACH_ITS_OWN, Looks(100, 20_000), RUNS, np.random.default_rng(2)).step_ends.T
    assert (first >= 3_500).all()
    assert (second >= first + 3_500).all()


def test_a_step_that_does_not_end_has_no_end() -> None:
    """A canary that is rolled back at once leaves none; what came until then is noted."""
    found = walk(refusals(4.0))
    assert np.isinf(found.step_ends).all()
    assert (found.exchanges < 60_000).all()


def test_hard_failures_end_it_before_its_gates_do() -> None:
    """A fifth of exchanges fails where one in a hundred may; an identical version goes on."""
    looks, chance = Looks(100, 20_000), np.random.default_rng(2)
    alpha_of_nothing = 1e-9
    for level, change, is_blamed in ((0.002, 0.2, True), (0.002, 0.0, False)):
        signal = SignalModel(SignalKind.RATE, level, change=change)
        errors = SimulatedGate(signal, Worse.UP, 0.0, 0.003, alpha_of_nothing)
        plan = SimulatedPlan((errors,), STEPS, EvidencePlan(), HardFailureRule(0, 0.01, 0.001))
        found = walked(plan, EACH_ITS_OWN, looks, RUNS, chance)
        assert found.rolled_back.all() if is_blamed else not found.rolled_back.any()
        if is_blamed:
            assert (found.canary_exchanges < 150).all()


def test_looks_may_come_later_and_later() -> None:
    """But never sooner than the first."""
    looks = Looks(100, 10_000, 0.05)
    assert [looks.size(exchanges) for exchanges in (0, 2_000, 4_000)] == [100, 100, 200]


def test_what_cannot_be_told_is_neither() -> None:
    """Twenty users are no 40 units."""
    found = walk(refusals(1.0), traffic=TrafficModel(users=20), until=20_000)
    assert not (found.promoted | found.rolled_back).any()


def test_each_rule_is_noted_when_it_first_acts() -> None:
    """In exchanges of the canary; infinite where it never does."""
    found = first_found(
        SignalModel(SignalKind.RATE, 0.5),
        EACH_ITS_OWN,
        0.5,
        Looks(10, 1_000),
        lambda sums: {
            "never": np.zeros(RUNS, dtype=np.bool_),
            "always": np.ones(RUNS, dtype=np.bool_),
            "hundred": sums.canary.count.sum(axis=-1) >= 100,
        },
        RUNS,
        np.random.default_rng(2),
    )
    assert np.isinf(found["never"]).all()
    assert (found["always"] <= 10).all()
    assert ((found["hundred"] >= 100) & (found["hundred"] < 110)).all()
