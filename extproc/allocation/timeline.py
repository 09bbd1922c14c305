"""The time of one server, cut where anything begins or ends: what all rules share.

Each exchange has up to two phases, prefill and decode, and each phase a piece in every slice that it touches. Rules say
what a piece is worth by integrals over the spans between cuts; nothing here loops over exchanges or slices.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from extproc.allocation.served import ServedExchanges
from extproc.statistics.arrays import Floats, Ints


class RunningPhase(NamedTuple):
    """Of each exchange, from one cut to another; at the same cut: it has none."""

    begin: Ints
    end: Ints


class Pieces(NamedTuple):
    """Phases cut at slices; arrays of one length.

    Attributes:
        slice, exchange: places.
        begin, end: cuts, ``begin < end``.
    """

    slice: Ints
    exchange: Ints
    begin: Ints
    end: Ints


class Timeline(NamedTuple):
    """Times count from the begin of the first slice.

    Attributes:
        cuts_us: rising; a span lies between two that follow each other.
        borders: the cuts between slices, with the outermost ones.
    """

    served: ServedExchanges
    cuts_us: Ints
    borders: Ints
    prefill: RunningPhase
    decode: RunningPhase

    @property
    def span_us(self) -> Ints:
        """The length of each span."""
        return np.diff(self.cuts_us)

    def in_spans(self, phase: RunningPhase, values: Floats | Ints | int = 1) -> npt.NDArray[Any]:
        """What those who are in a phase have together, in each span. Whole numbers are exact.

        Args: values: of each exchange.
        """
        of_each = np.broadcast_to(values, phase.begin.shape)
        changes = np.zeros(len(self.cuts_us), dtype=of_each.dtype)
        np.add.at(changes, phase.begin, of_each)
        np.subtract.at(changes, phase.end, of_each)
        return np.cumsum(changes)[:-1]

    def pieces(self, phase: RunningPhase) -> Pieces:
        """The pieces of a phase, by exchange."""
        first = np.searchsorted(self.borders, phase.begin, "right") - 1
        last = np.searchsorted(self.borders, phase.end, "left")
        counts = np.where(phase.end > phase.begin, last - first, 0)
        exchange = np.repeat(np.arange(len(counts)), counts)
        within = np.arange(len(exchange)) - np.repeat(np.cumsum(counts) - counts, counts)
        place = first[exchange] + within
        begin = np.maximum(phase.begin[exchange], self.borders[place])
        end = np.minimum(phase.end[exchange], self.borders[place + 1])
        return Pieces(place, exchange, begin, end)


def timeline_of(served: ServedExchanges, borders_us: Ints) -> Timeline:
    """The timeline of some slices; what lies outside of them is left out. Its times count from their begin: floats are
    exact for small ones.

    Args: borders_us: of the slices, rising, one more than there are slices.
    """
    origin_us = borders_us[0]
    served = replace(
        served,
        start_us=served.start_us - origin_us,
        first_us=served.first_us - origin_us,
        last_us=served.last_us - origin_us,
    )
    borders_us = borders_us - origin_us
    start, first, last = (
        np.clip(times, borders_us[0], borders_us[-1]) for times in (served.start_us, served.first_us, served.last_us)
    )
    cuts = _rising(np.concatenate((borders_us, start, first, last)))
    at_start, at_first, at_last, borders = (np.searchsorted(cuts, times) for times in (start, first, last, borders_us))
    return Timeline(served, cuts, borders, RunningPhase(at_start, at_first), RunningPhase(at_first, at_last))


def _rising(times: Ints) -> Ints:
    """Each once, in order: three times as fast as ``np.unique``, which hashes whole numbers."""
    ordered = np.sort(times)
    found: Ints = ordered[np.append(True, np.diff(ordered) > 0)]
    return found


def up_to(values: Floats) -> Floats:
    """What spans have together up to each cut: a difference of two is the sum between them."""
    return np.concatenate((np.zeros(1), np.cumsum(values)))
