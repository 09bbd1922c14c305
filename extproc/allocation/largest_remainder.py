"""Whole numbers in proportion to weights, that add up to a given sum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from extproc.statistics.arrays import Floats, Ints

_NEAR = 1e-6
"""A quota that is so near to a whole number is that number: the rest is noise of floats."""


def largest_remainder(weights: Floats, group: Ints, totals: Ints) -> Ints:
    """Divide the total of each group by weights; what rounding leaves goes to the largest fractions, ties by place.

    Args:
        weights: at least 0, finite; a group with a total above 0 has one above 0.
        group: of each weight, from 0 on, not falling.
        totals: of each group, at least 0.
    Returns: of each weight; of a group they sum to its total.
    Raises: ValueError if a total has nobody to go to.
    """
    sums = np.bincount(group, weights, minlength=len(totals))
    if np.any((sums <= 0.0) & (totals > 0)):
        raise ValueError("a total has nobody to go to")
    of_group = sums[group]  # divided by, as the reciprocal of a tiny sum is no float
    shares: Floats = np.divide(weights, of_group, out=np.zeros(len(weights)), where=of_group > 0.0)
    quotas: Floats = shares * totals[group]
    whole = np.rint(quotas)
    whole = np.where(np.abs(quotas - whole) <= _NEAR, whole, np.floor(quotas))
    found = whole.astype(np.int64)
    left = totals - _sums(found, group, len(totals))
    order = np.lexsort((np.arange(len(weights)), whole - quotas, group))
    rank = np.arange(len(weights)) - np.searchsorted(group, np.arange(len(totals)))[group]
    gets = rank < left[group]
    found[order[gets]] += 1
    _take_back(found, left, group, quotas)
    return found


def exact_parts(total: int, weights: Sequence[int]) -> list[int]:
    """Divide one total, however large, by whole weights: as ``largest_remainder``, without floats.

    Raises: ValueError if a total has nobody to go to.
    """
    whole = sum(weights)
    if not total:
        return [0] * len(weights)
    if whole <= 0:
        raise ValueError("a total has nobody to go to")
    parts = [total * one // whole for one in weights]
    places = sorted(range(len(weights)), key=lambda place: (-(total * weights[place] % whole), place))
    for place in places[: total - sum(parts)]:
        parts[place] += 1
    return parts


def _take_back(found: Ints, left: Ints, group: Ints, quotas: Floats) -> None:
    """Where noise rounded up too many: one each from those that have most beyond their quota."""
    for place in np.flatnonzero(left < 0):
        members = np.flatnonzero(group == place)
        members = members[found[members] > 0]
        beyond = np.argsort(quotas[members] - found[members], kind="stable")
        found[members[beyond[: -left[place]]]] -= 1


def _sums(values: Ints, group: Ints, groups: int) -> Ints:
    """Exactly, which sums of floats are only below 2^53."""
    found = np.zeros(groups, dtype=np.int64)
    np.add.at(found, group, values)
    return found
