"""The simulated rollouts behind the figures of ``rollout_proof``: declared traffic, gates, steps and sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from extproc.rollout.simulation.signals import SignalModel
from extproc.rollout.simulation.traffic import Bools, TrafficModel
from extproc.rollout.simulation.walks import (
    Looks,
    SimulatedGate,
    SimulatedStep,
    Walked,
    first_found,
    walked,
)
from extproc.statistics.gate_evidence import EvidencePlan, GateMargins, GateSums, Worse, gate_evidence
from extproc.statistics.hard_failure import HardFailures, log_hard_failure
from extproc.statistics.references import SignalKind
from extproc.statistics.sums import Floats
from tests.tools.rollout_baselines import Baselines

LookAt = Callable[[GateSums, int], Mapping[str, Bools]]
"""Rules by name, from the sums and the exchanges of both arms so far: which runs would act."""
RATE, LOG = SignalKind.RATE, SignalKind.LOG
ALPHA, GATES = 0.01, 8
PLAN = EvidencePlan(alpha=ALPHA)
CHUNK = 250
"""Runs that are simulated at once."""
EACH_ITS_OWN = TrafficModel(users=0, rhythm=0.0, drift=0.0)
SOME_USERS = TrafficModel(users=5_000, tail=2.5)
"""With a correlation of 0.05 and 15,000 exchanges an arm a design effect of about 1.5."""
HEAVY_USERS = TrafficModel(users=2_000, tail=1.2)
MANY_USERS = TrafficModel(users=20_000, tail=1.5)
ONE_POINT, FIVE_PERCENT = 0.01, math.log(1.05)
ERRORS, REFUSALS = GateMargins(0.00075, 0.003), GateMargins(0.0025, ONE_POINT)
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
        evidence = gate_evidence(known, Worse.UP, margins, PLAN).log_worse
        return {f"{alpha:g}": evidence >= -math.log(alpha) for alpha in alphas}

    return rules


def promotes(margins: GateMargins) -> LookAt:
    """The same, of the promotion."""

    def rules(sums: GateSums, _: int) -> Mapping[str, Bools]:
        return {"promoted": gate_evidence(sums, Worse.UP, margins, PLAN).log_not_worse >= -math.log(ALPHA)}

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
        canary, stable = (
            HardFailures(arm.count.sum(axis=-1), arm.total.sum(axis=-1)) for arm in (sums.canary, sums.stable)
        )
        evidence = log_hard_failure(canary, stable, sums.shares, declared)
        return {f"{alpha:g}": evidence >= -math.log(alpha) for alpha in alphas}

    return rules


CORRELATION = 0.02
"""Of the answers of one user, in whole rollouts."""
STEPS = (SimulatedStep(0.05, 4.0, 400), SimulatedStep(0.25, 2.0, 2_000), SimulatedStep(0.5, 1.0, 5_000))
"""Of the default rollout; at 100 % there is nothing to compare."""
WALK = Looks(400, 120_000)


def _rate(level: float, margins: GateMargins, change: float = 0.0, ratio: float = 1.0) -> SimulatedGate:
    signal = SignalModel(RATE, level, correlation=CORRELATION, change=change, ratio=ratio)
    return SimulatedGate(signal, Worse.UP, margins, 1 / GATES)


def refusals_gate(change: float = 0.0, ratio: float = 1.0) -> SimulatedGate:
    """2 %, of the canary more or several times as many."""
    return _rate(0.02, REFUSALS, change, ratio)


def _log(sd: float, margin: float, change: float = 0.0, worse: Worse = Worse.UP) -> SimulatedGate:
    signal = SignalModel(LOG, sd=sd, correlation=CORRELATION, change=change)
    return SimulatedGate(signal, worse, _ratios(margin), 1 / GATES)


def _ratios(margin: float) -> GateMargins:
    return GateMargins(math.log1p(margin / 4), math.log1p(margin))


def default_gates(refusals: float = 1.0, time_per_token: float = 0.0) -> tuple[SimulatedGate, ...]:
    """Eight with the default margins. Args: how many times as many refusals; the log ratio of the time per token."""
    return (
        _rate(0.002, ERRORS),
        refusals_gate(ratio=refusals),
        _rate(0.05, GateMargins(0.00375, 0.015)),  # truncated
        _rate(0.01, GateMargins(0.00175, 0.007)),  # feedback
        _log(0.5, 0.05, time_per_token),
        _log(0.8, 0.08),  # first token
        _log(1.0, 0.10, worse=Worse.EITHER),  # length
        _log(1.2, 0.10),  # cost
    )


def walks(
    gates: tuple[SimulatedGate, ...], traffic: TrafficModel, runs: int, every: int, chance: np.random.Generator
) -> Walked:
    """Rollouts through all steps."""
    looks = Looks(WALK.every * every, WALK.until)

    def simulate(size: int, own: np.random.Generator) -> dict[str, Floats]:
        one = walked(gates, STEPS, traffic, looks, PLAN, size, own)
        flags = {"promoted": one.promoted, "rolled_back": one.rolled_back}
        return {"canary": one.canary_exchanges, **{name: flag.astype(np.float64) for name, flag in flags.items()}}

    found = over_chunks(runs, chance, simulate)
    return Walked(found["promoted"] > 0, found["rolled_back"] > 0, found["canary"])
