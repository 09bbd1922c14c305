"""Evidence and intervals for sums of steps with a known variance: normal mixtures, valid at every look, over arrays."""

from __future__ import annotations

import math

import numpy as np

from extproc.statistics.arrays import Floats

FloatsLike = float | Floats

_TAIL = -8.0
"""Below it the normal distribution is computed from its asymptotic series."""
_erfc = np.frompyfunc(math.erfc, 1, 1)


def mixture_variance(planned: float, alpha: float) -> float:
    """The variance ``rho`` of the mixture that is about best where ``planned`` information is at hand.

    ``rho = v / (L + log(1 + L))``, ``L = -2 log alpha``, as confseq, the code of the authors of [H21], computes it. A
    one-sided test passes twice its alpha.
    """
    spread = -2.0 * math.log(alpha)
    return planned / (spread + math.log1p(spread))


def log_evidence_two_sided(total: FloatsLike, variance: FloatsLike, rho: FloatsLike) -> Floats:
    """The log of the evidence that steps have a mean other than 0.

    The normal mixture of [H21]: ``sqrt(rho / (v + rho)) exp(s^2 / (2 (v + rho)))``.
    """
    total, variance, rho = np.asarray(total), np.asarray(variance), np.asarray(rho)
    return 0.5 * np.log(rho / (variance + rho)) + total * total / (2.0 * (variance + rho))


def log_evidence_one_sided(total: FloatsLike, variance: FloatsLike, rho: FloatsLike) -> Floats:
    """The log of the evidence that steps have a mean above 0.

    [H21] Proposition 5 (half-normal mixture): the two-sided one times ``2 Phi(s / sqrt(v + rho))``.
    """
    total, variance, rho = np.asarray(total), np.asarray(variance), np.asarray(rho)
    scaled = total / np.sqrt(variance + rho)
    return math.log(2.0) + 0.5 * np.log(rho / (variance + rho)) + _log_scaled_cdf(scaled)


def half_width(count: FloatsLike, variance: FloatsLike, planned: float, alpha: float) -> Floats:
    """Half of the interval of a mean: with a probability of about ``1 - alpha`` it holds the mean at every look.

    [W24] equation 9, an asymptotic confidence sequence: ``sigma sqrt(2 (n k^2 + 1) / (n^2 k^2) log(sqrt(n k^2 + 1) /
    alpha))`` with ``k^2 = (L + log(1 + L)) / planned``, ``L = -2 log alpha``. Infinite where nothing is counted.
    """
    count, variance = np.asarray(count), np.asarray(variance)
    counted = np.where(count > 0.0, count, 1.0)
    steps = counted / mixture_variance(planned, alpha)
    log_bound = 0.5 * np.log1p(steps) - math.log(alpha)
    return np.where(count > 0.0, np.sqrt(variance * 2.0 * (steps + 1.0) / (counted * steps) * log_bound), np.inf)


def _log_scaled_cdf(value: Floats) -> Floats:
    """``x^2 / 2 + log Phi(x)``, of which far below 0 both parts are large and the sum is not."""
    is_tail = value <= _TAIL
    body, tail = np.where(is_tail, 0.0, value), np.where(is_tail, value, _TAIL)
    of_body = 0.5 * body * body + np.log(0.5 * np.asarray(_erfc(-body / math.sqrt(2.0)), dtype=np.float64))
    square = tail * tail
    series = 1.0 - 1.0 / square + 3.0 / square**2 - 15.0 / square**3 + 105.0 / square**4
    return np.where(is_tail, np.log(series) - np.log(-tail) - 0.5 * math.log(2.0 * math.pi), of_body)
