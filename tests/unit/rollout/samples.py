"""Looks at rollouts, with as many exchanges as a test says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from extproc.config.rollouts import RolloutSection, RolloutStep
from extproc.domain.rollout_gates import GATES
from extproc.domain.rollouts import BUCKETS
from extproc.rollout.look import ArmTries, RolloutLook
from extproc.statistics.cluster_sums import ClusterSums
from extproc.statistics.gate_evidence import FirstEvents, GateSums
from extproc.statistics.references import SignalKind
from extproc.statistics.sums import SumArrays

STEPS = tuple(RolloutStep(percent=percent, minutes_min=0, answers_min=100) for percent in (5, 25, 50, 100))
PLAN = RolloutSection(name="tiny-v2", model="tiny", stable="v1", canary="v2", steps=STEPS)
_RATES = {gate.name: gate.is_rate for gate in GATES}
HEALTHY = {"error": 0.002, "refusal": 0.02, "truncated": 0.05, "length": math.log(200), "token_time": math.log(0.03)}
"""Rates, and means of logarithms, of both arms."""


def plan(**changed: Any) -> RolloutSection:
    """A plan that differs."""
    return RolloutSection(**{**{name: getattr(PLAN, name) for name in RolloutSection.model_fields}, **changed})


def sums(is_rate: bool, by_step: list[tuple[int, float]]) -> ClusterSums:
    """Answers spread evenly over buckets, by step: how many, and their rate, or the mean of logarithms.

    The deviation of logarithms is 0.4.
    """
    counts = np.array([np.bincount(np.arange(count) % BUCKETS, minlength=BUCKETS) for count, _ in by_step], float)
    if is_rate:
        events = [np.bincount(np.arange(round(count * rate)) % BUCKETS, minlength=BUCKETS) for count, rate in by_step]
        total = np.minimum(np.array(events, float), counts)
        return ClusterSums.of(SumArrays(counts, total, total))
    means = np.array([mean for _, mean in by_step])[:, None]
    return ClusterSums.of(SumArrays(counts, counts * means, counts * (means**2 + 0.4**2)))


def gate(name: str, canary: list[tuple[int, float]], stable: list[tuple[int, float]], shares: list[float]) -> GateSums:
    """Each event is that of another unit."""
    is_rate, first = _RATES[name], None
    if is_rate:
        first = FirstEvents(
            *(np.array([float(round(count * rate)) for count, rate in arm]) for arm in (canary, stable))
        )
    kind = SignalKind.RATE if is_rate else SignalKind.LOG
    return GateSums(kind, np.array(shares), sums(is_rate, canary), sums(is_rate, stable), first)


def look(
    canary_counts: list[int], canary: Mapping[str, float] | None = None, plan: RolloutSection = PLAN, **changed: Any
) -> RolloutLook:
    """A look with so many answers of the canary by step, and as many of the stable version as shares say.

    Args: canary: what differs from ``HEALTHY``.
    """
    shares = [step.percent / 100 for step in plan.steps[: len(canary_counts)]]
    stable_counts = [round(count * (1 - share) / share) for count, share in zip(canary_counts, shares, strict=True)]
    of_canary = HEALTHY | dict(canary or {})
    gates = {
        name: gate(
            name,
            [(count, of_canary[name]) for count in canary_counts],
            [(count, HEALTHY[name]) for count in stable_counts],
            shares,
        )
        for name in HEALTHY
    }
    failed = [
        tuple(round(count * rate) for count in counts)
        for counts, rate in ((canary_counts, of_canary["error"]), (stable_counts, 0.002))
    ]
    whole = RolloutLook(
        step=len(canary_counts),
        step_s=3_600.0,
        total_s=3_600.0 * len(canary_counts),
        shares=tuple(shares),
        answers=canary_counts[-1],
        gates=gates,
        canary_units=tuple(count // 10 for count in canary_counts),
        stable_units=tuple(count // 10 for count in stable_counts),
        canary_left_out=(0,) * len(canary_counts),
        stable_left_out=(0,) * len(canary_counts),
        canary_tries=ArmTries(sum(canary_counts), sum(failed[0]), failed[0]),
        stable_tries=ArmTries(sum(stable_counts), sum(failed[1]), failed[1]),
    )
    return whole._replace(**changed)
