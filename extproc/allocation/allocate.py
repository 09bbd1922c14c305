"""The GPU time of one server, divided over the exchanges that it ran: whole microseconds that add up to its time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from extproc.allocation.counted_steps import NOT_COUNTED, CountedSteps
from extproc.allocation.intervals import Intervals
from extproc.allocation.largest_remainder import largest_remainder
from extproc.allocation.methods import METHODS
from extproc.allocation.running import RunExchanges, SeenExchanges, running
from extproc.allocation.server_time import ServerLife, ServerState, of_gpus, state_times
from extproc.allocation.slices import TimeSlices
from extproc.allocation.step_costs import StepCosts
from extproc.allocation.timeline import timeline_of
from extproc.statistics.arrays import Ints


class AllocatedTime(NamedTuple):
    """What a server did. Times are of all its GPUs together. [GPU us]

    Attributes:
        states: of each state the time in each slice.
        unproven: of the time in which the server did not run anything, what no sample proves.
        slice, exchange: places, of the latter among the exchanges that were given; ordered by slice.
        share: of that exchange in that slice; those of a slice sum to its busy time.
    """

    states: dict[ServerState, Ints]
    unproven: Ints
    slice: Ints
    exchange: Ints
    share: Ints


def allocate(
    seen: SeenExchanges,
    life: ServerLife,
    slices: TimeSlices,
    costs: StepCosts,
    method: str,
    counted: CountedSteps = NOT_COUNTED,
) -> AllocatedTime:
    """Divide the time of a server by a method of ``METHODS``.

    Args: seen: of this server, all that touch the slices.
    Raises: ValueError for costs that are none. KeyError for a method that is not there: a caller bug.
    """
    return divide(running(seen, costs, counted), life, slices, costs, method)


def divide(ran: RunExchanges, life: ServerLife, slices: TimeSlices, costs: StepCosts, method: str) -> AllocatedTime:
    """As ``allocate``, of exchanges of which it is known when they ran. Raises: see there."""
    costs.check()
    busy = Intervals.union(ran.served.start_us, ran.served.last_us)
    states = of_gpus(state_times(life, busy, slices.borders_us), slices.gpus)
    shares = METHODS[method](timeline_of(ran.served, slices.borders_us), costs)
    weights = np.where(shares.weight > 0, shares.weight, 0.0)
    weights = _never_nothing(weights, shares.slice, states[ServerState.BUSY])
    whole = largest_remainder(weights, shares.slice, states[ServerState.BUSY])
    unproven = life.unproven.without(busy).within(slices.borders_us) * slices.gpus
    return AllocatedTime(states, unproven, shares.slice, ran.place[shares.exchange], whole)


def _never_nothing(weights: np.ndarray, group: Ints, totals: Ints) -> np.ndarray:
    """Where a method gives nobody anything, as of exchanges without tokens, all pay alike."""
    sums = np.bincount(group, weights, minlength=len(totals))
    return np.where(sums[group] > 0, weights, 1.0)
