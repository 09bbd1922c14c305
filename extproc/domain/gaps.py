"""Times between the texts of one stream: counted by size, so that a long stream needs no more room than a short one.

Four sizes double a time, so a quantile is exact within 10 %.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

_LEAST_BITS: Final = 17  # shorter than 131 us: the texts came together
_SIZES: Final = 4 * 24  # up to half an hour


def new_gaps() -> list[int]:
    """No time yet."""
    return [0] * _SIZES


def note_gap(gaps: list[int], gap_ns: int) -> None:
    """Count a time. [ns]"""
    bits = gap_ns.bit_length()
    if bits <= _LEAST_BITS:
        gaps[0] += 1
        return
    size = 4 * (bits - _LEAST_BITS) + (gap_ns >> (bits - 3) & 3)
    gaps[size if size < _SIZES else _SIZES - 1] += 1


def gap_quantiles(gaps: Sequence[int], shares: Sequence[float]) -> list[float] | None:
    """Quantiles by rank; None without any time. [s]"""
    seen = list(accumulate(gaps))
    total = seen[-1]
    if not total:
        return None
    return [_middle_s(bisect_right(seen, share * (total - 1))) for share in shares]


def _middle_s(size: int) -> float:
    """The middle of a size."""
    if size == 0:
        return (1 << _LEAST_BITS) * 0.5e-9
    octave, quarter = divmod(size, 4)
    least = (4 + quarter) << (_LEAST_BITS + octave - 3)
    return (least + (1 << (_LEAST_BITS + octave - 3)) / 2) * 1e-9
