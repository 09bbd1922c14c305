"""What the sums of one gate of a rollout say: is the canary worse, is it not worse, by how much. The one way in.

The roll back of a rate asks the exact label test of first events, and that the estimate is beyond its margin: harm that
is proven but too small to matter holds the rollout up and does not end it. Where there are no first events, and of
means of logarithms, it asks the clustered difference for evidence beyond the margin. Promotion always asks that for
evidence within the margin.

Roll back is a union: a gate of weight ``w`` needs ``log(1 / (alpha w))`` and weights add up to 1. Promotion is
intersection and union (Berger 1982): each gate needs ``log(1 / alpha)``, and alpha is not split.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from extproc.domain.rollout_gates import Worse
from extproc.statistics.arrays import Floats
from extproc.statistics.cluster_sums import ClusterSums
from extproc.statistics.clustered_difference import ArmsDifference
from extproc.statistics.label_test import log_label_evidence
from extproc.statistics.normal_mixture import FloatsLike
from extproc.statistics.references import SignalKind


class GateMargins(NamedTuple):
    """What is no harm: up to ``roll_back`` nothing is rolled back, below ``promote`` it is not worse. ``roll_back`` of
    minus infinity: the label test alone decides, as there are events that no count has yet.

    Of rates an absolute share (0.01: one point), of lengths and durations a log ratio.
    """

    roll_back: FloatsLike
    promote: FloatsLike

    @classmethod
    def stated(cls, kind: SignalKind, roll_back: float, promote: FloatsLike) -> GateMargins:
        """Of margins as people state them: of rates shares, of lengths and durations ratios less 1."""
        if kind is SignalKind.RATE:
            return cls(roll_back, promote)
        return cls(math.log1p(roll_back), np.log1p(promote))


class EvidencePlan(NamedTuple):
    """Fixed before the rollout. ``alpha``: of each kind of false decision; ``interval_alpha``: of what people see.

    Answers (``N_T N_C / (N_T + N_C)``) at which evidence is sharpest: where a roll back is wanted, and a promotion.
    """

    alpha: float = 0.01
    interval_alpha: float = 0.05
    roll_back_answers: float = 200.0
    promote_answers: float = 7_500.0


class FirstEvents(NamedTuple):
    """Units by arm and, in the last axis, by the step of their first event in the whole rollout."""

    canary: Floats
    stable: Floats


class GateSums(NamedTuple):
    """All that is read of one gate. ``shares``: of the canary, by step. ``events``: of rates; None: not known."""

    kind: SignalKind
    shares: Floats
    canary: ClusterSums
    stable: ClusterSums
    events: FirstEvents | None = None


class GateEvidence(NamedTuple):
    """Of one gate, or of many runs at once. ``estimate``, ``low``, ``high``: canary less stable, for people.

    Counts are of answers; units are effective units (``N^2 / sum n^2``).
    """

    log_worse: Floats
    log_not_worse: Floats
    estimate: Floats
    low: Floats
    high: Floats
    canary_count: Floats
    stable_count: Floats
    canary_units: Floats
    stable_units: Floats


def log_roll_back_threshold(alpha: float, weight: float) -> float:
    """Of a gate's ``log_worse``: its weight is its share of alpha."""
    return -math.log(alpha * weight)


def log_promote_threshold(alpha: float) -> float:
    """Of every gate's ``log_not_worse``."""
    return -math.log(alpha)


class GateTests:
    """What is decided of one gate by its sums; ``gate_evidence`` also says what people read.

    With a direction of ``EITHER`` harm is looked for on both sides, with half of alpha each, and a promotion needs
    evidence within the margin on both.
    """

    def __init__(self, sums: GateSums, worse: Worse, margins: GateMargins, plan: EvidencePlan | None = None) -> None:
        self.arms = ArmsDifference.of(sums.kind, sums.canary, sums.stable)
        self._sums, self._margins, self._plan = sums, margins, plan or EvidencePlan()
        self._ups = (True, False) if worse is Worse.EITHER else (worse is Worse.UP,)

    def log_worse(self) -> Floats:
        """As in ``GateEvidence``."""
        found = [_log_worse(self._sums, self.arms, up, self._margins.roll_back, self._plan) for up in self._ups]
        return np.max(found, axis=0) - math.log(len(self._ups))

    def log_not_worse(self) -> Floats:
        """As in ``GateEvidence``."""
        found = [_log_not_worse(self.arms, up, self._margins.promote, self._plan) for up in self._ups]
        return np.min(found, axis=0)


def gate_evidence(sums: GateSums, worse: Worse, margins: GateMargins, plan: EvidencePlan | None = None) -> GateEvidence:
    """What the sums say of one gate."""
    plan = plan or EvidencePlan()
    tests = GateTests(sums, worse, margins, plan)
    arms = tests.arms
    low, high = arms.interval(plan.promote_answers, plan.interval_alpha)
    return GateEvidence(
        tests.log_worse(),
        tests.log_not_worse(),
        arms.estimate,
        low,
        high,
        arms.canary.count.sum(axis=-1),
        arms.stable.count.sum(axis=-1),
        arms.canary_units,
        arms.stable_units,
    )


def _log_worse(sums: GateSums, arms: ArmsDifference, up: bool, margin: FloatsLike, plan: EvidencePlan) -> Floats:
    if sums.events is None or sums.kind is not SignalKind.RATE:
        larger = sums.kind is SignalKind.RATE
        test = arms.log_above if up else arms.log_below
        return test(margin if up else -margin, plan.roll_back_answers, plan.alpha, larger=larger)
    canary, stable = sums.events
    if np.isneginf(margin).all():
        return log_label_evidence(canary, stable, sums.shares)
    if up:
        label, beyond = log_label_evidence(canary, stable, sums.shares), arms.estimate > margin
    else:
        label, beyond = log_label_evidence(stable, canary, 1.0 - sums.shares), arms.estimate < -margin
    return np.where(beyond, label, np.minimum(label, 0.0))


def _log_not_worse(arms: ArmsDifference, up: bool, margin: FloatsLike, plan: EvidencePlan) -> Floats:
    test = arms.log_below if up else arms.log_above
    return test(margin if up else -margin, plan.promote_answers, plan.alpha)
