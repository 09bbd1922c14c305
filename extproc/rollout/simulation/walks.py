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
from extproc.rollout.simulation.traffic import Bools, SimulatedTraffic, TrafficModel
from extproc.statistics.gate_evidence import (
    EvidencePlan,
    GateMargins,
    GateSums,
    gate_evidence,
    log_promote_threshold,
    log_roll_back_threshold,
)
from extproc.statistics.hard_failure import HardFailures, log_hard_failure
from extproc.statistics.sums import Floats

_LEAST: Final = ("answers_min", "exchanges_min")

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
    """A signal with its margins at the last step, and its share of alpha for roll back."""

    signal: SignalModel
    worse: Worse
    margins: GateMargins
    weight: float


class SimulatedStep(NamedTuple):
    """``margin_factor``: how many times wider the promote margins are. ``answers_min``: of the canary, of each gate.
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


def walked(
    gates: Sequence[SimulatedGate],
    steps: Sequence[SimulatedStep],
    traffic: TrafficModel,
    looks: Looks,
    plan: EvidencePlan,
    runs: int,
    chance: np.random.Generator,
    hard_failures: HardFailureRule | None = None,
) -> Walked:
    """Through all steps. A roll back comes first; the end of the last step is the promotion."""
    shares, factors = np.array([one.share for one in steps]), np.array([one.margin_factor for one in steps])
    least, least_exchanges = (np.array([getattr(one, name) for one in steps]) for name in _LEAST)
    drawn = SimulatedTraffic(traffic, runs, chance)
    arms = [SimulatedArms(gate.signal, traffic, shares, runs, chance) for gate in gates]
    step, asked, until = np.zeros(runs, dtype=np.int64), np.zeros(runs), np.zeros(runs)
    step_ends, began = np.full((runs, len(steps)), np.inf), np.zeros(runs)
    promoted, rolled_back = np.zeros(runs, dtype=np.bool_), np.zeros(runs, dtype=np.bool_)
    while drawn.exchanges < looks.until and not np.all(promoted | rolled_back):
        exchanges = drawn.block(shares[step], step, looks.size(drawn.exchanges))
        goes_on = ~(promoted | rolled_back)
        asked += np.where(goes_on, exchanges.is_canary.sum(axis=1), 0)
        until[goes_on] = drawn.exchanges
        shown_worse, advances = np.zeros(runs, dtype=np.bool_), drawn.exchanges - began >= least_exchanges[step]
        for gate, arm in zip(gates, arms, strict=True):
            arm.add(exchanges, drawn.exchanges)
            margins = GateMargins(gate.margins.roll_back, gate.margins.promote * factors[step])
            evidence = gate_evidence(arm.sums(), gate.worse, margins, plan)
            shown_worse |= evidence.log_worse >= log_roll_back_threshold(plan.alpha, gate.weight)
            enough = evidence.canary_count >= least[step]
            advances &= enough & (evidence.log_not_worse >= log_promote_threshold(plan.alpha))
        if hard_failures is not None:
            shown_worse |= _fails_hard(arms[hard_failures.gate].sums(), hard_failures)
        rolled_back |= goes_on & shown_worse
        advances &= goes_on & ~shown_worse
        promoted |= advances & (step == len(steps) - 1)
        step_ends[advances, step[advances]] = drawn.exchanges
        began[advances] = drawn.exchanges
        step = np.minimum(step + advances, len(steps) - 1)
    return Walked(promoted, rolled_back, asked, until, step_ends)


def _fails_hard(sums: GateSums, rule: HardFailureRule) -> Bools:
    assert sums.events is not None, "errors are a rate"
    arms = zip((sums.canary, sums.stable), sums.events, strict=True)
    canary, stable = (
        HardFailures((arm.count - arm.total).sum(axis=-1) + units.sum(axis=-1), units) for arm, units in arms
    )
    found: Bools = log_hard_failure(canary, stable, sums.shares, rule.declared) >= -math.log(rule.alpha)
    return found
