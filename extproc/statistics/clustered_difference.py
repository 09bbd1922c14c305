"""The difference between the arms of a rollout, by ratios of sums within steps, with a variance robust to clusters.

Steps are strata: the share changes while rates drift over hours (Simpson's paradox). The weight of a step is
``N_T N_C / (N_T + N_C)``, which is its inverse variance where answers of both arms vary alike, as they do at the null's
edge. It does not look at the outcome, so a step that by chance has no event gets no more weight.

Two variances, both over units and both over steps together, because a unit of one step answers in the next as well:

- ``sandwich``: ``sum r_u^2 / N^2`` of each arm's own residuals;
- ``pooled``, of rates: one correlation within units for both arms, which the larger arm mostly tells. Sharper, and too
  sharp with few units: no verdict with fewer than ``EFFECTIVE_UNITS_MIN`` in either arm.

Evidence is that of ``normal_mixture``, in units of answers: ``N_T N_C / (N_T + N_C)``, divided by the design effect.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from extproc.statistics.arrays import Floats
from extproc.statistics.cluster_sums import ClusterSums, quadratic
from extproc.statistics.normal_mixture import FloatsLike, half_width, log_evidence_one_sided, mixture_variance
from extproc.statistics.references import SignalKind

EFFECTIVE_UNITS_MIN: Final = 40.0
EVENTS_MIN: Final = 20.0
"""Of a rate, as they are expected at the edge of the margin over both arms: with fewer a normal law is a poor one."""
_SD_MIN: Final = 0.01
"""Of logarithms: values that are constant are taken to be known to 1 %."""


class Variances(NamedTuple):
    """Of the difference. ``independent``: as if each answer were a unit, below which no other is. Not of logarithms:
    ``pooled`` is the sandwich. ``events``: of a rate, as expected; infinite of logarithms."""

    independent: Floats
    sandwich: Floats
    pooled: Floats
    events: Floats


class ArmsDifference(NamedTuple):
    """Of both arms, over the last axis by step. ``estimate``: canary less stable, a share or a log ratio.

    ``answers``: ``N_T N_C / (N_T + N_C)`` over steps. ``canary_weights``, ``stable_weights``: of one answer, by step.
    ``canary_units``, ``stable_units``: effective ones.
    """

    kind: SignalKind
    canary: ClusterSums
    stable: ClusterSums
    estimate: Floats
    answers: Floats
    canary_weights: Floats
    stable_weights: Floats
    canary_units: Floats
    stable_units: Floats

    @classmethod
    def of(cls, kind: SignalKind, canary: ClusterSums, stable: ClusterSums) -> ArmsDifference:
        """Combine the steps in which both arms have answers."""
        both = canary.count + stable.count
        weight = canary.count * stable.count / np.maximum(both, 1.0)
        answers = np.sum(weight, axis=-1)
        share = weight / np.maximum(answers, 1e-300)[..., None]
        estimate = np.sum(share * (canary.mean - stable.mean), axis=-1)
        of_canary, of_stable = (share / np.maximum(one.count, 1.0) for one in (canary, stable))
        units = canary.effective_units(of_canary), stable.effective_units(of_stable)
        return cls(kind, canary, stable, estimate, answers, of_canary, of_stable, *units)

    @property
    def _arms(self) -> tuple[tuple[ClusterSums, Floats], tuple[ClusterSums, Floats]]:
        """Canary and stable version, each with the weights of its answers."""
        return (self.canary, self.canary_weights), (self.stable, self.stable_weights)

    @property
    def _has_few_units(self) -> npt.NDArray[np.bool_]:
        return np.minimum(self.canary_units, self.stable_units) < EFFECTIVE_UNITS_MIN

    def variances(self, margin: FloatsLike | None = None) -> Variances:
        """Of the estimate. Rates are those of the null's edge: the canary's is the stable version's plus ``margin``.

        Without a margin each arm has its own rate, for intervals.
        """
        if self.kind is SignalKind.RATE:
            rates = self._own_rates() if margin is None else self._edge_rates(np.asarray(margin)[..., None])
            return self._of_rates(*rates)
        return self._of_logs()

    def _edge_rates(self, margin: Floats) -> tuple[Floats, Floats]:
        """Half an event and half a non-event are added, so that none is exactly 0 or 1."""
        count = self.canary.count + self.stable.count
        events = self.canary.total + self.stable.total - margin * self.canary.count
        least = 0.5 / (count + 1.0)
        stable = np.clip((events + 0.5) / (count + 1.0), least, 1.0 - least)
        return np.clip(stable + margin, least, 1.0 - least), stable

    def _own_rates(self) -> tuple[Floats, Floats]:
        canary, stable = ((one.total + 0.5) / (one.count + 1.0) for one in (self.canary, self.stable))
        return canary, stable

    def _of_rates(self, *rates: Floats) -> Variances:
        """Args: rates: of the canary and of the stable version, by step."""
        independent, sandwich, shared, events = (np.zeros(()) for _ in range(4))
        for (sums, weights), rate in zip(self._arms, rates, strict=True):
            variance = rate * (1.0 - rate)
            own = np.sum(weights * weights * sums.count * variance, axis=-1)
            robust = _few(sums) * quadratic(weights, sums.residual_squares(rate))
            independent, sandwich = independent + own, sandwich + np.maximum(robust, own)
            shared = shared + quadratic(weights * np.sqrt(variance), sums.pairs())
            events = events + np.sum(sums.count * np.minimum(rate, 1.0 - rate), axis=-1)
        return Variances(independent, sandwich, independent + self._correlation() * shared, events)

    def _correlation(self) -> Floats:
        """Of two answers of one unit, the same in both arms.

        Residuals are from each arm's own rate, whatever the margin: a canary that is far better than the edge of the
        margin would else look as if its users differed.
        """
        excess, pairs = np.zeros(()), np.zeros(())
        for (sums, _), rate in zip(self._arms, self._own_rates(), strict=True):
            variance = rate * (1.0 - rate)
            residuals = sums.residual_squares(rate).sum(axis=(-1, -2))
            excess = excess + _few(sums) * residuals - np.sum(sums.count * variance, axis=-1)
            pairs = pairs + quadratic(np.sqrt(variance), sums.pairs())
        return np.clip(excess / np.maximum(pairs, 1e-300), 0.0, 1.0)

    def _of_logs(self) -> Variances:
        independent, sandwich = np.zeros(()), np.zeros(())
        for sums, weights in self._arms:
            variance = np.maximum(sums.answers_variance(), _SD_MIN**2)
            own = np.sum(weights * weights * sums.count * variance, axis=-1)
            robust = _few(sums) * quadratic(weights, sums.residual_squares(sums.mean))
            independent, sandwich = independent + own, sandwich + np.maximum(robust, own)
        return Variances(independent, sandwich, sandwich, np.full(np.shape(sandwich), np.inf))

    def log_above(self, margin: FloatsLike, planned: float, alpha: float, *, larger: bool = False) -> Floats:
        """The log of the evidence that the difference is above ``margin``.

        Args:
            planned: answers (``N_T N_C / (N_T + N_C)``) at which a decision is expected, fixed in advance.
            larger: of both variances take the larger one.
        """
        return self._evidence(margin, 1.0, planned, alpha, larger)

    def log_below(self, margin: FloatsLike, planned: float, alpha: float, *, larger: bool = False) -> Floats:
        """The log of the evidence that the difference is below ``margin``."""
        return self._evidence(margin, -1.0, planned, alpha, larger)

    def _evidence(self, margin: FloatsLike, sign: float, planned: float, alpha: float, larger: bool) -> Floats:
        variances = self.variances(margin)
        variance = np.maximum(variances.pooled, variances.sandwich) if larger else variances.pooled
        count, unit_variance = self._scale(variances.independent, variance)
        total = sign * (self.estimate - margin) * count / np.sqrt(unit_variance)
        evidence = log_evidence_one_sided(total, count, mixture_variance(planned, 2.0 * alpha))
        is_few = self._has_few_units | (variances.events < EVENTS_MIN)
        return np.where(is_few, np.minimum(evidence, 0.0), evidence)

    def interval(self, planned: float, alpha: float) -> tuple[Floats, Floats]:
        """Low and high, for people: with a probability of about ``1 - alpha`` they hold the difference at every look.

        With few units it is that of the larger variance. Infinite without answers of both arms.
        """
        variances = self.variances()
        variance = np.where(self._has_few_units, np.maximum(variances.pooled, variances.sandwich), variances.pooled)
        width = half_width(*self._scale(variances.independent, variance), planned, alpha)
        low, high = self.estimate - width, self.estimate + width
        if self.kind is SignalKind.RATE:
            return np.maximum(low, -1.0), np.minimum(high, 1.0)
        return low, high

    def _scale(self, independent: Floats, variance: Floats) -> tuple[Floats, Floats]:
        """Answers, divided by the design effect, and the variance of one; of nothing 0 and 1."""
        known = (self.answers > 0.0) & (variance > 0.0)
        effect = np.where(known, independent, 1.0) / np.where(known, variance, 1.0)
        return np.where(known, self.answers * effect, 0.0), np.where(known, self.answers * independent, 1.0)


def _few(sums: ClusterSums) -> Floats:
    """``G / (G - 1)``: residuals of few clusters are small, because their mean is fitted to them."""
    return sums.clusters / np.maximum(sums.clusters - 1.0, 1.0)
