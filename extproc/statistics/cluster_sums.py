"""Sums over clusters of one arm, from buckets that units are hashed into: all that a robust variance reads.

A user's answers are not independent, so variance is that of users, not of answers. To keep each user would need memory
that grows with them; a fixed number of buckets does not, and those of replicas add up. Two moments are affected:

- of residuals: users in one bucket are independent and their residuals have mean 0, so the sum of squares over buckets
  is, on average, that over users;
- of counts: users in one bucket multiply. A pair of users shares one of ``B`` buckets with a chance of ``1 / B``, so
  ``sum n^2`` over buckets exceeds that over users by about ``(N^2 - sum n^2) / B``, which is taken off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extproc.statistics.arrays import Floats
from extproc.statistics.sums import SumArrays


@dataclass(frozen=True, slots=True)
class ClusterSums:
    """Of one arm. ``[..., steps]``: ``count``, ``total`` and ``squares`` of values. ``[...]``: ``clusters``.

    ``[..., steps, steps]``, because a user answers in several steps: sums over buckets of ``n_s n_t``
    (``count_squares``), ``n_s x_t`` (``products``) and ``x_s x_t`` (``total_squares``), ``x`` being a bucket's total.
    """

    count: Floats
    total: Floats
    squares: Floats
    clusters: Floats
    count_squares: Floats
    products: Floats
    total_squares: Floats
    buckets: int

    @classmethod
    def of(cls, buckets: SumArrays) -> ClusterSums:
        """Of buckets, in the last axis, by step, in the one before."""
        count, total = buckets.count, buckets.total
        counts, totals = np.swapaxes(count, -1, -2), np.swapaxes(total, -1, -2)
        return cls(
            count.sum(axis=-1),
            total.sum(axis=-1),
            buckets.squares.sum(axis=-1),
            np.count_nonzero(count.sum(axis=-2), axis=-1).astype(np.float64),
            count @ counts,
            count @ totals,
            total @ totals,
            count.shape[-1],
        )

    @property
    def mean(self) -> Floats:
        """Of the values, by step; 0 where none is counted."""
        return self.total / np.maximum(self.count, 1.0)

    def unit_squares(self) -> Floats:
        """``sum n_s n_t`` over units: that over buckets, less what units that share a bucket add to it.

        Within a step at least ``N``, as where each unit has one answer.
        """
        pairs = self.count[..., :, None] * self.count[..., None, :] / self.buckets
        own = (self.count_squares - pairs) / (1.0 - 1.0 / self.buckets)
        return np.maximum(own, self.count[..., None] * np.eye(self.count.shape[-1]))

    def pairs(self) -> Floats:
        """Ordered pairs of answers of the same unit, by the step of each."""
        return self.unit_squares() - self.count[..., None] * np.eye(self.count.shape[-1])

    def residual_squares(self, center: Floats) -> Floats:
        """``sum r_s r_t`` over buckets, with ``r_s = x_s - center_s n_s``."""
        row, column = center[..., None, :], center[..., :, None]
        crossed = self.products * column + np.swapaxes(self.products, -1, -2) * row
        return self.total_squares - crossed + self.count_squares * row * column

    def answers_variance(self) -> Floats:
        """Of single values within a step."""
        return np.maximum(self.squares / np.maximum(self.count, 1.0) - self.mean**2, 0.0)

    def effective_units(self, weights: Floats) -> Floats:
        """How many units of equal activity would say as much: ``N^2 / sum n^2``, over steps by weights of answers.

        Args: weights: of one answer, by step.
        """
        weighted = np.sum(weights * self.count, axis=-1)
        spread = quadratic(weights, self.unit_squares())
        return np.where(spread > 0.0, weighted * weighted / np.where(spread > 0.0, spread, 1.0), 0.0)


def quadratic(weights: Floats, matrix: Floats) -> Floats:
    """``w' M w`` over the last axes."""
    found: Floats = np.einsum("...s,...st,...t->...", weights, matrix, weights)
    return found
