"""Slices of a server's time: hours of UTC, cut where a price or the number of GPUs changes.

Borders are fixed, so that what was allocated for a slice stays the same whatever else is asked for later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from extproc.statistics.arrays import Ints

HOUR_US: Final = 3_600_000_000


class GpuTerms(NamedTuple):
    """From a time on, of one server. Times are of UTC. [us since 1970]

    Attributes:
        gpus: that it has; 0: they are not known, or the server is not one's own then.
        price: of one GPU for an hour [billionths of the currency]; None: not known.
        kind: of its GPUs.
    """

    from_us: int
    gpus: int
    price: int | None
    kind: str = ""


class TimeSlices(NamedTuple):
    """Slices that follow each other. ``borders_us``: one more than there are slices. ``price``: -1 where not known."""

    borders_us: Ints
    gpus: Ints
    price: Ints


UNKNOWN_PRICE: Final = -1


def slices_between(begin_us: int, end_us: int, terms: Sequence[GpuTerms]) -> TimeSlices:
    """The slices of a time. Before the first terms those hold too.

    Args: terms: at least one, rising.
    """
    hours = range(-(-begin_us // HOUR_US) * HOUR_US, end_us, HOUR_US)
    changes = [one.from_us for one in terms[1:] if begin_us < one.from_us < end_us]
    borders = np.unique(np.array([begin_us, *hours, *changes, end_us], dtype=np.int64))
    starts = np.array([one.from_us for one in terms[1:]], dtype=np.int64)
    place = np.searchsorted(starts, borders[:-1], "right")
    gpus = np.array([one.gpus for one in terms], dtype=np.int64)
    price = np.array([UNKNOWN_PRICE if one.price is None else one.price for one in terms], dtype=np.int64)
    return TimeSlices(borders, gpus[place], price[place])
