"""A plan as a simulated rollout: its steps, margins and hard failures are those of the real one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from extproc.config.rollouts import GateTerms, RolloutStep
from extproc.domain.rollout_gates import GATES
from extproc.rollout.simulation.plans import HARMS, LEVELS, DeclaredTraffic, foretold, simulated_gate, simulated_steps
from tests.unit.rollout.samples import PLAN, plan

EACH_ITS_OWN = DeclaredTraffic(exchanges_a_day=20_000, users=0, correlation=0.0)
FEW = plan(gates=tuple(GateTerms(gate=gate.name, compared=gate.name in ("error", "refusal")) for gate in GATES))
RUNS = 6


def test_every_required_gate_has_a_level() -> None:
    """A new one is noticed: without a level it would be left out."""
    assert set(LEVELS) == {gate.name for gate in GATES if gate.required}
    assert {harm.gate for harm in HARMS} <= {"", *LEVELS}


def test_steps_are_those_at_which_versions_are_compared() -> None:
    """Least times are exchanges of the declared traffic, margins are wider at small shares."""
    steps = plan(steps=(RolloutStep(percent=5, minutes_min=60, answers_min=7), *PLAN.steps[1:]))
    found = simulated_steps(steps, EACH_ITS_OWN)
    assert [one.share for one in found] == [0.05, 0.25, 0.5]
    assert [one.margin_factor for one in found] == [4.0, 2.0, 1.0]
    assert (found[0].answers_min, found[0].exchanges_min) == (7, 834)


def test_margins_of_values_are_logarithms() -> None:
    """Those of rates are shares, as the plan has them."""
    gates = {gate.name: simulated_gate(gate, 0.0) for gate in PLAN.compared_gates() if gate.name in LEVELS}
    assert gates["refusal"].margins == (0.0, 0.01)
    assert gates["token_time"].margins == (math.log1p(0.0125), math.log1p(0.05))


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.name)
def test_what_may_be_expected(harm: object) -> None:
    """An identical canary goes through; harm of a gate that is compared comes back, sooner if more fails."""
    (known,) = (one for one in HARMS if one is harm)
    found = foretold(FEW, EACH_ITS_OWN, known, RUNS, np.random.default_rng(3))
    assert found.step_ends.shape == (RUNS, 3)
    if known.gate in ("error", "refusal"):
        assert found.rolled_back.all()
    else:
        assert found.promoted.mean() >= 0.8
    if known.gate == "error":
        assert (found.canary_exchanges < 200).all()


def test_the_time_of_the_plan_ends_it() -> None:
    """A hundred exchanges a day decide nothing in a day."""
    short = FEW.model_copy(update={"at_most_hours": 24})
    found = foretold(short, DeclaredTraffic(100, 0, 0.0), HARMS[0], RUNS, np.random.default_rng(3))
    assert not (found.promoted | found.rolled_back).any()
    assert (found.exchanges == 100).all()
