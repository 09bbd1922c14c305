"""A plan as a simulated rollout: its steps, margins and hard failures are those of the real one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import pytest

from extproc.config.rollouts import GateTerms, RolloutStep
from extproc.domain.rollout_gates import ERROR, GATES
from extproc.rollout.decide import RolloutAction, decide
from extproc.rollout.look import ArmTries, RolloutLook
from extproc.rollout.simulation.arms import SimulatedArms
from extproc.rollout.simulation.plans import (
    HARMS,
    LEVELS,
    DeclaredTraffic,
    SimulatedHarm,
    foretold,
    simulated_gate,
    simulated_plan,
    simulated_steps,
)
from extproc.rollout.simulation.traffic import SimulatedTraffic, TrafficModel
from extproc.rollout.simulation.walks import WalkPlace, walk_decision
from extproc.statistics.cluster_sums import ClusterSums
from extproc.statistics.gate_evidence import FirstEvents, GateSums
from tests.thorough import share_of
from tests.unit.rollout.samples import PLAN, plan

EACH_ITS_OWN = DeclaredTraffic(exchanges_a_day=20_000, users=0, correlation=0.0)
FEW = plan(gates=tuple(GateTerms(gate=gate.name, compared=gate.name in ("error", "refusal")) for gate in GATES))
RUNS = 6
GOES_ON = {RolloutAction.ADVANCE, RolloutAction.PROMOTE}


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


def test_margins_are_those_of_the_plan() -> None:
    """Of rates shares, of values ratios less 1."""
    gates = {gate.name: simulated_gate(gate, 0.0) for gate in PLAN.compared_gates() if gate.name in LEVELS}
    assert (gates["refusal"].roll_back, gates["refusal"].promote) == (0.0, 0.01)
    assert (gates["token_time"].roll_back, gates["token_time"].promote) == (0.0125, 0.05)


def look_of(sums: Mapping[str, GateSums], run: int, place: WalkPlace) -> RolloutLook:
    """What the process that decides would read of one simulated run: nothing of steps that are to come."""
    steps = int(place.step[run]) + 1
    gates = {name: one_run(gate, run, steps) for name, gate in sums.items()}
    errors = gates[ERROR]
    assert errors.events is not None
    tries = [
        ArmTries(int(arm.count.sum()), int(arm.total.sum()), tuple(map(int, units)))
        for arm, units in zip((errors.canary, errors.stable), errors.events, strict=True)
    ]
    nobody, shares = (0,) * steps, tuple(errors.shares.tolist())
    answers = int(errors.canary.count[-1])
    return RolloutLook(steps, 0.0, 0.0, shares, answers, gates, nobody, nobody, nobody, nobody, *tries)


def one_run(gate: GateSums, run: int, steps: int) -> GateSums:
    """Of many."""
    by_two = {"count_squares", "products", "total_squares"}
    arms = [
        ClusterSums(
            **{
                name: one[run]
                if name == "clusters"
                else one[run, :steps, :steps]
                if name in by_two
                else one[run, :steps]
                for name, one in (
                    (each.name, getattr(arm, each.name)) for each in fields(arm) if each.name != "buckets"
                )
            },
            buckets=arm.buckets,
        )
        for arm in (gate.canary, gate.stable)
    ]
    events = None if gate.events is None else FirstEvents(*(one[run, :steps] for one in gate.events))
    return GateSums(gate.kind, gate.shares[:steps], arms[0], arms[1], events)


WITHIN_A_FACTOR = SimulatedHarm(
    "within_a_factor", "slower than 20 % four times over, as a ratio", "token_time", change=0.65
)
"""``log(1 + 4 x 0.2)`` is 0.59, four times ``log(1.2)`` is 0.73."""
LENIENT = (GateTerms(gate="token_time", promote_percent=20, roll_back_percent=100),)


@pytest.mark.parametrize("harm", [*HARMS, WITHIN_A_FACTOR], ids=lambda harm: harm.name)
def test_a_simulation_decides_as_the_product_does(harm: SimulatedHarm) -> None:
    """Of rollouts that walk, by all gates: least answers of a step, wider margins, hard failures.

    Every look at which the simulation acts is compared, and of the others a part.
    """
    answers_min = zip(PLAN.steps, (200, 9_000, 0, 0), strict=True)
    steps = tuple(step.model_copy(update={"answers_min": answers}) for step, answers in answers_min)
    gates = LENIENT if harm is WITHIN_A_FACTOR else ()
    section, traffic = plan(steps=steps, gates=gates, alpha=0.2), TrafficModel(users=2_000, tail=2.5)
    simulated = simulated_plan(section, DeclaredTraffic(), harm)
    names = [gate.name for gate in section.compared_gates() if gate.name in LEVELS]
    shares, chance = np.array([one.share for one in simulated.steps]), np.random.default_rng(4)
    drawn = SimulatedTraffic(traffic, RUNS, chance)
    arms = [SimulatedArms(gate.signal, traffic, shares, RUNS, chance) for gate in simulated.gates]
    step, answers, is_open = np.zeros(RUNS, dtype=np.int64), np.zeros(RUNS), np.ones(RUNS, dtype=np.bool_)
    seen: Counter[RolloutAction] = Counter()
    looks = 0
    while drawn.exchanges < 60_000 and is_open.any():
        exchanges = drawn.block(shares[step], step, 500)
        answers += exchanges.is_canary.sum(axis=1)
        for arm in arms:
            arm.add(exchanges, drawn.exchanges)
        sums, place = [arm.sums() for arm in arms], WalkPlace(step, answers, np.full(RUNS, np.inf))
        found = walk_decision(simulated, sums, place)
        acts = found.rolls_back | found.goes_on
        looks += 1
        acting, open_runs = np.flatnonzero(is_open & acts).tolist(), np.flatnonzero(is_open).tolist()
        for run in {*acting, *share_of(open_runs, 4, looks)}:
            action = decide(section, look_of(dict(zip(names, sums, strict=True)), run, place)).action
            assert found.rolls_back[run] == (action is RolloutAction.ROLL_BACK)
            assert found.goes_on[run] == (action in GOES_ON)
            seen[action] += 1
        is_open &= ~(found.rolls_back | (found.goes_on & (step == len(shares) - 1)))
        answers[found.goes_on] = 0.0
        step = np.minimum(step + found.goes_on, len(shares) - 1)
    ends = {"identical": GOES_ON, WITHIN_A_FACTOR.name: set()}.get(harm.name, {RolloutAction.ROLL_BACK})
    assert ends | {RolloutAction.HOLD} <= set(seen)


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
