"""Which strata are compared each for itself, where there are more than a detector has places for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from extproc.statistics.drift import STRATA_MAX
from extproc.statistics.sums import BlockSums

OTHERS: Final = "others"
"""The stratum of all that have none of their own."""


def kept_strata(window: Mapping[str, BlockSums], placed: Collection[str]) -> frozenset[str]:
    """The strata that stay apart: those that have a place, then those with most answers in the reference.

    They are known before the answers that are compared, so evidence stays evidence.
    """
    named = [one for one in placed if one != OTHERS]
    more = sorted(
        (name for name, sums in window.items() if name != OTHERS and name not in named and sums.count > 0.0),
        key=lambda name: (-window[name].count, name),
    )
    return frozenset([*named, *more][: STRATA_MAX - 1])


def folded(sums: Mapping[str, BlockSums], kept: Collection[str]) -> dict[str, BlockSums]:
    """The same sums, those of other strata together."""
    found: dict[str, BlockSums] = {}
    for name, one in sorted(sums.items()):
        place = name if name in kept else OTHERS
        found[place] = found.get(place, BlockSums()) + one
    return found
