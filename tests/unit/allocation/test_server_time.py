"""States of a server: every microsecond of its life has one."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from extproc.allocation.intervals import Intervals
from extproc.allocation.server_time import ServerLife, ServerState, of_gpus, state_times
from tests.unit.allocation.test_intervals import few, held, intervals_of

BORDERS = np.array([-40, -7, 0, 13, 40])


@given(few, few, few, few)
def test_each_microsecond_has_one_state(
    exists: list[tuple[int, int]],
    starting: list[tuple[int, int]],
    sleeping: list[tuple[int, int]],
    busy: list[tuple[int, int]],
) -> None:
    """What was busy existed; what starts or sleeps outside of its life does not count."""
    life = ServerLife(intervals_of(exists), intervals_of(starting), intervals_of(sleeping))
    found = state_times(life, intervals_of(busy), BORDERS)
    there = intervals_of(exists) | intervals_of(busy)
    assert np.sum([*found.values()], axis=0).tolist() == there.within(BORDERS).tolist()
    assert found[ServerState.BUSY].tolist() == intervals_of(busy).within(BORDERS).tolist()
    idle = held(there) - held(intervals_of(busy)) - held(life.starting) - held(life.sleeping)
    assert sum(found[ServerState.IDLE]) == len(idle)


def test_a_day_of_a_server() -> None:
    """It starts, is ready, runs, sleeps; of two GPUs each counts."""
    life = ServerLife(intervals_of([(0, 100)]), starting=intervals_of([(0, 20)]), sleeping=intervals_of([(60, 80)]))
    times = of_gpus(state_times(life, intervals_of([(15, 40)]), np.array([0, 50, 100])), np.array([2, 2]))
    assert {state: found.tolist() for state, found in times.items()} == {
        ServerState.BUSY: [50, 0],
        ServerState.SLEEPING: [0, 40],
        ServerState.STARTING: [30, 0],
        ServerState.IDLE: [20, 60],
    }


def test_a_server_that_was_never_asked() -> None:
    """It is known to exist while it answers."""
    nothing = ServerLife(Intervals.none(), Intervals.none(), Intervals.none())
    found = state_times(nothing, intervals_of([(3, 9)]), np.array([0, 10]))
    assert {state: int(times[0]) for state, times in found.items() if times[0]} == {ServerState.BUSY: 6}
