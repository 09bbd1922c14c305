"""How often a guard is right, and how sure one can be of that with as few labels as there are."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

_Z_95 = 1.959964  # the standard normal distribution's quantile at 0.975


class Precision(NamedTuple):
    """A share from 0 to 1, and the ends of its 95 % interval."""

    share: float
    low: float
    high: float


def precision_of(confirmed: int, labelled: int) -> Precision | None:
    """The share of labelled findings that were right, with its Wilson score interval; None without labels.

    It speaks of the findings that people chose to label: to speak of all, they must be a fair sample of them.
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
