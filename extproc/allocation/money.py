"""What GPU time costs, in whole billionths of a currency: rows add up to the cost of all their time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from extproc.allocation.largest_remainder import largest_remainder
from extproc.allocation.slices import HOUR_US
from extproc.statistics.arrays import Ints


def cost_of(gpu_us: int, price: int) -> int:
    """Of some time; half a billionth counts as one.

    Args: price: of one GPU for an hour [billionths].
    """
    return (2 * gpu_us * price + HOUR_US) // (2 * HOUR_US)


def costs_of(gpu_us: Sequence[int], price: int) -> list[int]:
    """Of rows of one slice; together they cost what their time costs."""
    return costs_of_total(gpu_us, cost_of(sum(gpu_us), price))


def costs_of_total(gpu_us: Sequence[int], total: int) -> list[int]:
    """A cost, divided by time. Args: total: 0 where there is no time."""
    if not total:
        return [0] * len(gpu_us)
    times: Ints = np.array(gpu_us, dtype=np.int64)
    one = np.zeros(len(times), dtype=np.int64)
    found: list[int] = largest_remainder(times.astype(np.float64), one, np.array([total])).tolist()
    return found
