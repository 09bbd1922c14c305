"""How much sums speak for each of a few alternatives: likelihood ratios, which are evidence of one block.

Alternatives are fixed ratios above and below the edge of what is no drift. Logarithms are linear in the sums, so the
evidence of two blocks together is the sum of that of each, and nothing overflows.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from extproc.statistics.arrays import Floats
from extproc.statistics.references import ExpectedValues, SignalKind
from extproc.statistics.sums import SumArrays


class Bets(NamedTuple):
    """Alternatives as log ratios, and the weight of each; weights add up to 1."""

    log_ratios: Floats
    weights: Floats

    @property
    def signs(self) -> Floats:
        """1 for an alternative above what is expected, -1 below."""
        return np.sign(self.log_ratios)


def _bets(*alternatives: tuple[float, float]) -> Bets:
    ratios, weights = zip(*alternatives, strict=True)
    return Bets(np.log(np.array(ratios)), np.array(weights) / sum(weights))


_ABOVE = ((1.3, 0.7), (1.7, 3.0), (2.3, 3.0), (4, 1.2), (10, 0.4), (30, 0.2))
_BELOW = ((1 / 1.3, 0.2), (1 / 1.7, 0.3), (1 / 3, 0.3))
_EITHER = ((1.07, 1.0), (1.15, 2.0), (1.25, 2.0), (1.5, 1.0), (2, 1.0), (4, 0.5))

BETS: Final = {
    SignalKind.RATE: _bets(*_ABOVE, *_BELOW),
    SignalKind.LOG: _bets(*_EITHER, *((1 / ratio, weight) for ratio, weight in _EITHER)),
}
"""Of a rate odds ratios, most of them above: what should be rare becomes frequent. Of a length or duration ratios."""


def log_factors(
    kind: SignalKind, bets: Bets, sums: SumArrays, expected: ExpectedValues, variance: Floats
) -> tuple[Floats, Floats]:
    """The log evidence of each alternative, in a new last axis, and the information about the log ratio.

    Args: variance: of one answer; only of logarithms.
    """
    if kind is SignalKind.RATE:
        return _of_rate(bets, sums, expected), sums.count * variance
    return _of_mean(bets, sums, expected, variance), sums.count / variance


def log_odds_factor(log_ratio: Floats, count: Floats, events: Floats, rate: Floats) -> Floats:
    """The log likelihood ratio of odds that are ``exp(log_ratio)`` times those of ``rate``, for Bernoulli answers.

    With ``q`` of those odds it is ``s log(q / rate) + (n - s) log((1 - q) / (1 - rate))``, as [LM22] has it for labels;
    in log odds ``s log_ratio - n log(1 + rate (exp(log_ratio) - 1))``. The mean of an answer's factor is 1 at ``rate``,
    and below 1 on the other side of it.
    """
    return events * log_ratio - count * np.log1p(rate * np.expm1(log_ratio))


def _of_rate(bets: Bets, sums: SumArrays, expected: ExpectedValues) -> Floats:
    edge = expected.margin[..., None] * bets.signs
    odds = np.exp(edge) * (expected.level / (1.0 - expected.level))[..., None]
    return log_odds_factor(bets.log_ratios, sums.count[..., None], sums.total[..., None], odds / (1.0 + odds))


def _of_mean(bets: Bets, sums: SumArrays, expected: ExpectedValues, variance: Floats) -> Floats:
    """Of normal values of variance ``v``: ``exp(d (S - n m) / v - n d^2 / (2 v))``, the sub-Gaussian case of [H21]."""
    edge = expected.level[..., None] + expected.margin[..., None] * bets.signs
    shift, count = bets.log_ratios, sums.count[..., None]
    return shift * (sums.total[..., None] - count * (edge + 0.5 * shift)) / variance[..., None]


def log_mixed(log_evidence: Floats, weights: Floats) -> Floats:
    """The log of the weighted mean over the last axis; a mean of evidence is evidence."""
    highest = np.max(log_evidence, axis=-1)
    return highest + np.log(np.sum(weights * np.exp(log_evidence - highest[..., None]), axis=-1))
