"""Counts of positive values in buckets of a fixed ratio: they merge exactly by adding counts, and give quantiles.

The logarithmic mapping of [MRL19] (DDSketch): bucket ``i`` holds ``ratio**(i - 1) < x <= ratio**i``, and
stands for ``2 ratio**i / (ratio + 1)``, which is wrong by at most ``(ratio - 1) / (ratio + 1)``, relative. The ratio
never changes and no bucket is ever collapsed, so counts of any order of workers, minutes and replicas are the same, and
a database can add them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

RATIO: Final = 1.1
ERROR_MAX: Final = (RATIO - 1.0) / (RATIO + 1.0)
"""Of a quantile, relative: 4.8 %."""
VALUE_MIN: Final = 1e-9
"""Smaller values, and those below 0, count as it."""
VALUE_MAX: Final = 1e15
"""Greater values count as it. So there are 580 buckets at most."""


def bucket_of(value: float) -> int:
    """The number of the bucket of a value; it may be below 0."""
    return math.ceil(math.log(min(max(value, VALUE_MIN), VALUE_MAX)) / math.log(RATIO))


def counted(values: Iterable[float]) -> dict[int, int]:
    """How many values each bucket has."""
    counts: dict[int, int] = {}
    for value in values:
        bucket = bucket_of(value)
        counts[bucket] = counts.get(bucket, 0) + 1
    return counts


def merged(several: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """The counts of all."""
    counts: dict[int, int] = {}
    for one in several:
        for bucket, count in one.items():
            counts[bucket] = counts.get(bucket, 0) + count
    return counts


def quantile(counts: Mapping[int, int], share: float) -> float | None:
    """The value that a share of all does not exceed, within ``ERROR_MAX``; None where nothing is counted."""
    rank = max(math.ceil(share * sum(counts.values())), 1)
    upto = 0
    for bucket in sorted(counts):
        upto += counts[bucket]
        if upto >= rank:
            return float(2.0 * RATIO**bucket / (RATIO + 1.0))
    return None
