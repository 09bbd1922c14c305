"""A plan as a simulated rollout: what may be expected of it by declared traffic, before anybody starts it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from extproc.config.rollouts import RolloutSection
from extproc.domain.rollout_gates import ERROR, RolloutGate, widening
from extproc.rollout.simulation.signals import SignalModel
from extproc.rollout.simulation.traffic import TrafficModel
from extproc.rollout.simulation.walks import (
    HardFailureRule,
    Looks,
    SimulatedGate,
    SimulatedPlan,
    SimulatedStep,
    Walked,
    walked,
)
from extproc.statistics.gate_evidence import EvidencePlan
from extproc.statistics.references import SignalKind

LEVELS: Final[Mapping[str, float]] = {
    ERROR: 0.002,
    "refusal": 0.02,
    "abort": 0.01,
    "finding": 0.01,
    "empty": 0.002,
    "looped": 0.002,
    "truncated": 0.05,
    "length": 1.0,
    "first_token": 0.8,
    "token_time": 0.5,
    "cost": 1.2,
}
"""Of the required gates, of the stable version: the rate, or the standard deviation of the logarithm."""
EXCHANGES_MAX: Final = 400_000
"""Of one run: what is not decided then is inconclusive."""
_LOOKS: Final = 600
_LOOKS_GROW: Final = 0.05
_EVERY_MIN: Final = 10
_MINUTES_A_DAY, _HOURS_A_DAY = 1_440, 24
_RUNS_AT_ONCE: Final = 50


class SimulatedHarm(NamedTuple):
    """What is wrong with a canary. Attributes: ratio: of the rate of its gate; change: added to rate or logarithm."""

    name: str
    says: str
    gate: str = ""
    ratio: float = 1.0
    change: float = 0.0


HARMS: Final = (
    SimulatedHarm("identical", "identical to the stable version"),
    SimulatedHarm("refusals_doubled", "refusals doubled", "refusal", ratio=2.0),
    SimulatedHarm("token_time_20_percent", "20 % more time per token", "token_time", change=math.log(1.2)),
    SimulatedHarm("errors_20_percent", "errors in 20 % of exchanges", ERROR, change=0.2 - LEVELS[ERROR]),
)


@dataclass(frozen=True, slots=True)
class DeclaredTraffic:
    """Who asks. Attributes: users: 0: every exchange is a unit of its own; correlation: of two answers of one user."""

    exchanges_a_day: int = 20_000
    users: int = 5_000
    correlation: float = 0.02
    tail: float = 2.5


def simulated_gate(gate: RolloutGate, correlation: float, change: float = 0.0, ratio: float = 1.0) -> SimulatedGate:
    """A gate of ``LEVELS``. Args: change: added to a rate or mean logarithm of the canary; ratio: of its rates."""
    level = LEVELS[gate.name]
    if gate.is_rate:
        signal = SignalModel(SignalKind.RATE, level, correlation=correlation, change=change, ratio=ratio)
    else:
        signal = SignalModel(SignalKind.LOG, sd=level, correlation=correlation, change=change)
    return SimulatedGate(signal, gate.worse, gate.roll_back, gate.promote, gate.weight)


def simulated_steps(plan: RolloutSection, traffic: DeclaredTraffic) -> tuple[SimulatedStep, ...]:
    """The steps at which both versions are compared: all but the last."""
    return tuple(
        SimulatedStep(
            step.percent / 100,
            widening(step.percent / 100),
            step.answers_min,
            math.ceil(step.minutes_min * traffic.exchanges_a_day / _MINUTES_A_DAY),
        )
        for step in plan.steps[:-1]
    )


def simulated_plan(plan: RolloutSection, traffic: DeclaredTraffic, harm: SimulatedHarm) -> SimulatedPlan:
    """A plan with a canary that has one harm. Gates that no rollout requires are left out."""
    compared = [gate for gate in plan.compared_gates() if gate.name in LEVELS]
    gates = tuple(
        simulated_gate(gate, traffic.correlation, harm.change, harm.ratio)
        if gate.name == harm.gate
        else simulated_gate(gate, traffic.correlation)
        for gate in compared
    )
    terms = plan.hard_failures
    hard = next(
        (
            HardFailureRule(place, terms.error_percent / 100, terms.alpha)
            for place, gate in enumerate(compared)
            if gate.name == ERROR
        ),
        None,
    )
    return SimulatedPlan(gates, simulated_steps(plan, traffic), EvidencePlan(alpha=plan.alpha), hard)


def foretold(
    plan: RolloutSection, traffic: DeclaredTraffic, harm: SimulatedHarm, runs: int, chance: np.random.Generator
) -> Walked:
    """Rollouts by a plan, of a canary with one harm."""
    simulated = simulated_plan(plan, traffic, harm)
    model = TrafficModel(users=traffic.users, tail=traffic.tail, day=traffic.exchanges_a_day)
    until = min(traffic.exchanges_a_day * plan.at_most_hours // _HOURS_A_DAY, EXCHANGES_MAX)
    looks = Looks(max(until // _LOOKS, _EVERY_MIN), until, _LOOKS_GROW)
    sizes = [min(_RUNS_AT_ONCE, runs - start) for start in range(0, runs, _RUNS_AT_ONCE)]
    parts = [walked(simulated, model, looks, size, chance) for size in sizes]
    return Walked(*(np.concatenate([getattr(part, name) for part in parts]) for name in Walked.__dataclass_fields__))
