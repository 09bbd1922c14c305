"""Precision of a guard, with a confidence interval suited to few labels."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

_Z_95 = 1.959964  # 0.975 quantile of the standard normal distribution


class Precision(NamedTuple):
    """A share from 0 to 1, and the bounds of its 95 % interval."""

    share: float
    low: float
    high: float


def precision_of(confirmed: int, labelled: int) -> Precision | None:
    """The share of labeled findings that were right, with its Wilson score interval; None without labels.

    It describes the labeled findings; to describe all, they must be a random sample.
    Source: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209; good with few labels and near 0 and 1, where the usual
        interval is not: L. D. Brown, T. T. Cai, A. DasGupta, Stat. Sci. 16 (2001) 101.
    """
    if labelled == 0:
        return None
    share, square = confirmed / labelled, _Z_95**2
    middle = (share + square / (2 * labelled)) / (1 + square / labelled)
    half = _Z_95 / (1 + square / labelled) * sqrt(share * (1 - share) / labelled + square / (4 * labelled**2))
    low = 0.0 if confirmed == 0 else middle - half
    high = 1.0 if confirmed == labelled else middle + half
    return Precision(share, low, high)
