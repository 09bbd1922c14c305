"""What each exchange has of each slice that it touches."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from extproc.allocation.timeline import Pieces, RunningPhase, Timeline
from extproc.statistics.arrays import Floats, Ints


class Shares(NamedTuple):
    """Arrays of one length, ordered by slice, then by exchange; a pair is there once.

    Attributes:
        slice, exchange: places.
        weight: in proportion to which the busy time of a slice is divided.
    """

    slice: Ints
    exchange: Ints
    weight: Floats

    @classmethod
    def together(cls, *parts: tuple[Pieces, Floats]) -> Self:
        """Of pieces of several phases."""
        places, exchanges = (
            np.concatenate([getattr(pieces, name) for pieces, _ in parts]) for name in Pieces._fields[:2]
        )
        weights = np.concatenate([weight for _, weight in parts])
        order = np.lexsort((exchanges, places))
        places, exchanges, weights = places[order], exchanges[order], weights[order]
        is_first = np.ones(len(places), dtype=np.bool_)
        is_first[1:] = (np.diff(places) != 0) | (np.diff(exchanges) != 0)
        number = np.cumsum(is_first) - 1
        return cls(places[is_first], exchanges[is_first], np.bincount(number, weights, minlength=int(is_first.sum())))


def spread(timeline: Timeline, weights: Floats) -> Shares:
    """A weight of each exchange, evenly over the time that it runs."""
    served = timeline.served
    pieces = timeline.pieces(RunningPhase(timeline.prefill.begin, timeline.decode.end))
    inside = timeline.cuts_us[pieces.end] - timeline.cuts_us[pieces.begin]
    lasts = (served.last_us - served.start_us)[pieces.exchange]
    return Shares.together((pieces, weights[pieces.exchange] * inside / lasts))
