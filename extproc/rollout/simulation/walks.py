"""Rollouts that decide, look by look: at one step until a rule acts, or through all steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from extproc.domain.rollout_gates import Worse
from extproc.rollout.simulation.arms import SimulatedArms
from extproc.rollout.simulation.signals import SignalModel
from extproc.rollout.simulation.traffic import SimulatedTraffic, TrafficModel
from extproc.statistics.arrays import Bools, Floats, Ints
from extproc.statistics.gate_evidence import (
    EvidencePlan,
    GateMargins,
    GateSums,
    GateTests,
    log_promote_threshold,
    log_roll_back_threshold,
)
from extproc.statistics.hard_failure import HardFailures, log_hard_failure

_OF_STEP: Final = ("margin_factor", "answers_min", "exchanges_min")

LookRules = Callable[[GateSums], Mapping[str, Bools]]
"""Several rules by name: each says of each run whether it would act at this look."""


class Looks(NamedTuple):
    """Every so many exchanges of a run, of both arms, until so many. ``grows``: or each as much later, as a part."""

    every: int
    until: int
    grows: float = 0.0

    def size(self, exchanges: int) -> int:
        """Exchanges to the next look. Args: exchanges: until now."""
        return max(self.every, int(exchanges * self.grows))


class SimulatedGate(NamedTuple):
    """A signal with its margins at the last step, as ``RolloutGate`` has them, and its share of alpha for roll back."""

    signal: SignalModel
    worse: Worse
    roll_back: float
    promote: float
    weight: float


class SimulatedStep(NamedTuple):
    """``margin_factor``: how many times wider the promote margins are. ``answers_min``: of the canary at this step.
    ``exchanges_min``: of both arms at this step, which stand for its least time.
    """

    share: float
    margin_factor: float = 1.0
    answers_min: int = 0
    exchanges_min: int = 0


class HardFailureRule(NamedTuple):
    """What ends a walk at once. ``gate``: the place of that of errors; ``declared``: the rate that may fail."""

    gate: int
    declared: float
    alpha: float


class SimulatedPlan(NamedTuple):
    """All that a decision depends on besides the traffic: what ``decide`` reads of a ``RolloutSection``."""

    gates: Sequence[SimulatedGate]
    steps: Sequence[SimulatedStep]
    evidence: EvidencePlan
    hard_failures: HardFailureRule | None = None


class WalkPlace(NamedTuple):
    """Where each run stands. Attributes: step: from 0 on; answers: of the canary in it; exchanges: of both arms."""

    step: Ints
    answers: Floats
    exchanges: Floats


class WalkDecision(NamedTuple):
    """What each run does at a look; what does neither holds."""

    rolls_back: Bools
    goes_on: Bools


@dataclass(frozen=True, slots=True)
class Walked:
    """By run: what became of it, and exchanges of the canary until then. What is neither was inconclusive.

    Attributes:
        exchanges: of both arms until then.
        step_ends: by run and step, exchanges of both arms when it went on; infinite where it did not.
    """

    promoted: Bools
    rolled_back: Bools
    canary_exchanges: Floats
    exchanges: Floats
    step_ends: Floats


def first_found(
    signal: SignalModel,
    traffic: TrafficModel,
    share: float,
    looks: Looks,
    rules: LookRules,
    runs: int,
    chance: np.random.Generator,
) -> dict[str, Floats]:
    """At one step: for each rule, by run, exchanges of the canary when it first acts; infinite where it never does.

    All rules see the same traffic.
    """
    drawn = SimulatedTraffic(traffic, runs, chance)
    arms = SimulatedArms(signal, traffic, np.array([share]), runs, chance)
    found: dict[str, Floats] = {}
    step, asked = np.zeros(runs, dtype=np.int64), np.zeros(runs)
    while drawn.exchanges < looks.until:
        exchanges = drawn.block(np.full(runs, share), step, looks.size(drawn.exchanges))
        asked += exchanges.is_canary.sum(axis=1)
        arms.add(exchanges, drawn.exchanges)
        for name, acts in rules(arms.sums()).items():
            when = found.setdefault(name, np.full(runs, np.inf))
            first = np.isinf(when) & acts
            when[first] = asked[first]
    return found


def walked(plan: SimulatedPlan, traffic: TrafficModel, looks: Looks, runs: int, chance: np.random.Generator) -> Walked:
    """Through all steps. The end of the last step is the promotion."""
    steps, shares = plan.steps, np.array([one.share for one in plan.steps])
    drawn = SimulatedTraffic(traffic, runs, chance)
    arms = [SimulatedArms(gate.signal, traffic, shares, runs, chance) for gate in plan.gates]
    step, asked, until = np.zeros(runs, dtype=np.int64), np.zeros(runs), np.zeros(runs)
    step_ends, began, asked_before = np.full((runs, len(steps)), np.inf), np.zeros(runs), np.zeros(runs)
    promoted, rolled_back = np.zeros(runs, dtype=np.bool_), np.zeros(runs, dtype=np.bool_)
    while drawn.exchanges < looks.until and not np.all(promoted | rolled_back):
        exchanges = drawn.block(shares[step], step, looks.size(drawn.exchanges))
        is_open = ~(promoted | rolled_back)
        asked += np.where(is_open, exchanges.is_canary.sum(axis=1), 0)
        until[is_open] = drawn.exchanges
        for arm in arms:
            arm.add(exchanges, drawn.exchanges)
        place = WalkPlace(step, asked - asked_before, drawn.exchanges - began)
        acts = walk_decision(plan, [arm.sums() for arm in arms], place)
        rolled_back |= is_open & acts.rolls_back
        advances = is_open & acts.goes_on
        promoted |= advances & (step == len(steps) - 1)
        step_ends[advances, step[advances]] = drawn.exchanges
        began[advances], asked_before[advances] = drawn.exchanges, asked[advances]
        step = np.minimum(step + advances, len(steps) - 1)
    return Walked(promoted, rolled_back, asked, until, step_ends)


def walk_decision(plan: SimulatedPlan, sums: Sequence[GateSums], place: WalkPlace) -> WalkDecision:
    """What ``decide`` does, for many runs at once. A roll back comes first. Args: sums: of each gate of the plan."""
    factors, answers_min, exchanges_min = (
        np.array([getattr(one, name) for one in plan.steps])[place.step] for name in _OF_STEP
    )
    alpha = plan.evidence.alpha
    worse: Bools = np.zeros(len(place.step), dtype=np.bool_)
    goes_on: Bools = (place.answers >= answers_min) & (place.exchanges >= exchanges_min)
    for gate, one in zip(plan.gates, sums, strict=True):
        margins = GateMargins.stated(one.kind, gate.roll_back, gate.promote * factors)
        tests = GateTests(one, gate.worse, margins, plan.evidence)
        worse |= tests.log_worse() >= log_roll_back_threshold(alpha, gate.weight)
        if goes_on.any():
            goes_on &= tests.log_not_worse() >= log_promote_threshold(alpha)
    if plan.hard_failures is not None:
        worse |= _fails_hard(sums[plan.hard_failures.gate], plan.hard_failures)
    return WalkDecision(worse, goes_on & ~worse)


def _fails_hard(sums: GateSums, rule: HardFailureRule) -> Bools:
    assert sums.events is not None, "errors are a rate"
    arms = zip((sums.canary, sums.stable), sums.events, strict=True)
    canary, stable = (
        HardFailures((arm.count - arm.total).sum(axis=-1) + units.sum(axis=-1), units) for arm, units in arms
    )
    found: Bools = log_hard_failure(canary, stable, sums.shares, rule.declared) >= -math.log(rule.alpha)
    return found
