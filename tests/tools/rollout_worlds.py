"""The simulated rollouts behind the figures of ``rollout_proof``: declared traffic, gates, steps and sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from extproc.domain.rollout_gates import GATES, Worse, widening
from extproc.rollout.simulation import plans
from extproc.rollout.simulation.signals import SignalModel
from extproc.rollout.simulation.traffic import TrafficModel
from extproc.rollout.simulation.walks import (
    Looks,
    SimulatedGate,
    SimulatedPlan,
    SimulatedStep,
    Walked,
    first_found,
    walked,
)
from extproc.statistics.arrays import Bools, Floats
from extproc.statistics.gate_evidence import EvidencePlan, GateMargins, GateSums, GateTests
from extproc.statistics.hard_failure import HardFailures, log_hard_failure
from extproc.statistics.references import SignalKind
from tests.tools.rollout_baselines import Baselines

LookAt = Callable[[GateSums, int], Mapping[str, Bools]]
"""Rules by name, from the sums and the exchanges of both arms so far: which runs would act."""
RATE, LOG = SignalKind.RATE, SignalKind.LOG
ALPHA = 0.01
SPLIT = ALPHA / 8
"""As if alpha were split over eight gates."""
PLAN = EvidencePlan(alpha=ALPHA)
CHUNK = 250
"""Runs that are simulated at once."""
EACH_ITS_OWN = TrafficModel(users=0, rhythm=0.0, drift=0.0)
SOME_USERS = TrafficModel(users=5_000, tail=2.5)
"""With a correlation of 0.05 and 15,000 exchanges an arm a design effect of about 1.5."""
HEAVY_USERS = TrafficModel(users=2_000, tail=1.2)
MANY_USERS = TrafficModel(users=20_000, tail=1.5)
ONE_POINT, FIVE_PERCENT = 0.01, math.log(1.05)
ERRORS, REFUSALS = GateMargins(0.0, 0.003), GateMargins(0.0, ONE_POINT)
SLOWER = GateMargins(math.log(1.0125), FIVE_PERCENT)


@dataclass(frozen=True, slots=True)
class Sizes:
    """``runs``: of what is false; ``found``: of what is to be found; ``walks``: through all steps."""

    runs: int = 10_000
    found: int = 2_000
    walks: int = 400
    every: int = 1
    """How many times as many exchanges between two looks."""


def over_chunks(
    runs: int, chance: np.random.Generator, simulate: Callable[[int, np.random.Generator], Mapping[str, Floats]]
) -> dict[str, Floats]:
    """The runs of all chunks, each with a generator of its own."""
    sizes = [min(CHUNK, runs - start) for start in range(0, runs, CHUNK)]
    parts = [simulate(size, np.random.Generator(np.random.SFC64(int(chance.integers(2**63))))) for size in sizes]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def delays(
    signal: SignalModel,
    traffic: TrafficModel,
    share: float,
    looks: Looks,
    runs: int,
    chance: np.random.Generator,
    rules: Callable[[], LookAt],
) -> dict[str, Floats]:
    """By rule and run: exchanges of the canary until it acts. ``rules`` makes them new for each chunk."""

    def simulate(size: int, own: np.random.Generator) -> dict[str, Floats]:
        acts, exchanges = rules(), 0

        def at_look(sums: GateSums) -> Mapping[str, Bools]:
            nonlocal exchanges
            exchanges += looks.every
            return acts(sums, exchanges)

        return first_found(signal, traffic, share, looks, at_look, size, own)

    return over_chunks(runs, chance, simulate)


def rolls_back(margins: GateMargins, *alphas: float, labeled: bool = True) -> LookAt:
    """The rule of one gate, at each alpha."""

    def rules(sums: GateSums, _: int) -> Mapping[str, Bools]:
        known = sums if labeled else sums._replace(events=None)
        evidence = GateTests(known, Worse.UP, margins, PLAN).log_worse()
        return {f"{alpha:g}": evidence >= -math.log(alpha) for alpha in alphas}

    return rules


def promotes(margins: GateMargins) -> LookAt:
    """The same, of the promotion."""

    def rules(sums: GateSums, _: int) -> Mapping[str, Bools]:
        return {"promoted": GateTests(sums, Worse.UP, margins, PLAN).log_not_worse() >= -math.log(ALPHA)}

    return rules


def compared(horizon: int) -> LookAt:
    """The label test, the clustered difference, and what teams use today, on one rate of 2 %."""
    baselines = Baselines(threshold=0.03, horizon=horizon)
    label, difference = (
        rolls_back(GateMargins(0.0, 0.01), ALPHA),
        rolls_back(GateMargins(0.0, 0.01), ALPHA, labeled=False),
    )

    def rules(sums: GateSums, exchanges: int) -> Mapping[str, Bools]:
        (by_label,), (by_difference,) = label(sums, exchanges).values(), difference(sums, exchanges).values()
        return {"label": by_label, "difference": by_difference, **baselines.rules(sums, exchanges)}

    return rules


def hard_failure(declared: float, *alphas: float) -> LookAt:
    """Errors against a declared rate, where each exchange is a unit of its own."""

    def rules(sums: GateSums, _: int) -> Mapping[str, Bools]:
        canary, stable = (HardFailures(arm.count.sum(axis=-1), arm.total) for arm in (sums.canary, sums.stable))
        evidence = log_hard_failure(canary, stable, sums.shares, declared)
        return {f"{alpha:g}": evidence >= -math.log(alpha) for alpha in alphas}

    return rules


CORRELATION = 0.02
"""Of the answers of one user, in whole rollouts."""
STEPS = tuple(SimulatedStep(share, widening(share), 200) for share in (0.05, 0.25, 0.5))
"""Of the default rollout; at 100 % there is nothing to compare."""
WALK = Looks(400, 120_000)
_WEIGHTS = sum(gate.weight for gate in GATES)


def simulated_gate(name: str, change: float = 0.0, ratio: float = 1.0) -> SimulatedGate:
    """With its default margins. Args: change: added to a rate or mean logarithm; ratio: of rates."""
    gate = next(one for one in GATES if one.name == name)
    return plans.simulated_gate(replace(gate, weight=gate.weight / _WEIGHTS), CORRELATION, change, ratio)


def all_gates(**harmed: SimulatedGate) -> tuple[SimulatedGate, ...]:
    """Those that every rollout must show, all alike in both arms but for what is harmed, by its name."""
    return tuple(({name: simulated_gate(name) for name in plans.LEVELS} | harmed).values())


def walks(
    gates: tuple[SimulatedGate, ...], traffic: TrafficModel, runs: int, every: int, chance: np.random.Generator
) -> Walked:
    """Rollouts through all steps."""
    looks = Looks(WALK.every * every, WALK.until)

    def simulate(size: int, own: np.random.Generator) -> dict[str, Floats]:
        one = walked(SimulatedPlan(gates, STEPS, PLAN), traffic, looks, size, own)
        flags = {"promoted": one.promoted, "rolled_back": one.rolled_back}
        floats = {name: getattr(one, name) for name in ("canary_exchanges", "exchanges", "step_ends")}
        return {**floats, **{name: flag.astype(np.float64) for name, flag in flags.items()}}

    found = over_chunks(runs, chance, simulate)
    promoted, rolled_back = found["promoted"] > 0, found["rolled_back"] > 0
    return Walked(promoted, rolled_back, found["canary_exchanges"], found["exchanges"], found["step_ends"])
