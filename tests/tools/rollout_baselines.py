"""What teams use today, to compare ``rollout_proof`` with: tests of a fixed horizon, looked at once or always, and
thresholds as Argo Rollouts and Flagger document them.

Argo Rollouts: an analysis measures at an ``interval``; a run fails when failed measurements exceed ``failureLimit``, 0
by default, and then the rollout aborts (https://argo-rollouts.readthedocs.io/en/stable/features/analysis/). Flagger: a
check whose metric is outside its ``thresholdRange`` is a failed check; at ``threshold`` of them, "max number of failed
metric checks before rollback", 5 in its examples, the canary is rolled back
(https://docs.flagger.app/usage/how-it-works).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from extproc.statistics.arrays import Bools, Floats
from extproc.statistics.cluster_sums import ClusterSums
from extproc.statistics.gate_evidence import GateSums
from extproc.statistics.normal_mixture import log_evidence_one_sided, mixture_variance

INTERVAL = 1_000
"""Exchanges of both arms between two measurements of a threshold."""
FAILURE_LIMIT, FAILED_CHECKS = 0, 5
_ONE_IN_100 = 2.3263478740408408
"""The 99 % quantile of the normal distribution."""
_EVENTS_MIN = 20


class Baselines:
    """The rules that are in use, of one rate in some runs. ``threshold``: of the canary's rate.

    ``horizon``: exchanges of both arms at which the fixed-horizon test looks, once.
    """

    def __init__(self, threshold: float, horizon: int) -> None:
        self._threshold, self._horizon = threshold, horizon
        self._measured_at = 0
        self._before = (np.zeros(()), np.zeros(()))
        self._failed: Floats = np.zeros(())

    def rules(self, sums: GateSums, exchanges: int) -> Mapping[str, Bools]:
        """What each would do at this look."""
        (count, events), (of_stable, events_of_stable) = (_counted(arm) for arm in (sums.canary, sums.stable))
        z = _z(count, events, of_stable, events_of_stable)
        if exchanges - self._measured_at >= INTERVAL:
            self._measure(count, events)
            self._measured_at = exchanges
        failed = np.broadcast_to(self._failed, count.shape)
        enough = events + events_of_stable >= _EVENTS_MIN
        return {
            "fixed": (z >= _ONE_IN_100) & (exchanges == self._horizon),
            "peeked": (z >= _ONE_IN_100) & enough,
            "independent": _log_independent(count, events, of_stable, events_of_stable) >= math.log(100.0),
            "argo": failed > FAILURE_LIMIT,
            "flagger": failed >= FAILED_CHECKS,
        }

    def _measure(self, count: Floats, events: Floats) -> None:
        """The rate of the canary since the last measurement."""
        asked, happened = count - self._before[0], events - self._before[1]
        self._before = (count, events)
        self._failed = self._failed + (happened > self._threshold * np.maximum(asked, 1.0))


def _counted(arm: ClusterSums) -> tuple[Floats, Floats]:
    return arm.count.sum(axis=-1), arm.total.sum(axis=-1)


def _z(count: Floats, events: Floats, of_stable: Floats, events_of_stable: Floats) -> Floats:
    """Of two proportions, pooled, as if every exchange were independent."""
    rate = (events + events_of_stable) / np.maximum(count + of_stable, 1.0)
    variance = rate * (1.0 - rate) * (1.0 / np.maximum(count, 1.0) + 1.0 / np.maximum(of_stable, 1.0))
    difference = events / np.maximum(count, 1.0) - events_of_stable / np.maximum(of_stable, 1.0)
    return difference / np.sqrt(np.maximum(variance, 1e-12))


def _log_independent(count: Floats, events: Floats, of_stable: Floats, events_of_stable: Floats) -> Floats:
    """The sequence of ``clustered_difference`` without clusters: always valid where exchanges are independent."""
    answers = count * of_stable / np.maximum(count + of_stable, 1.0)
    total = _z(count, events, of_stable, events_of_stable) * np.sqrt(answers)
    evidence = log_evidence_one_sided(total, answers, mixture_variance(250.0, 0.02))
    return np.where(events + events_of_stable >= _EVENTS_MIN, evidence, np.minimum(evidence, 0.0))
