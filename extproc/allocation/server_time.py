"""What a server did with its time: every microsecond of its life has one state."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Self

import numpy as np

from extproc.allocation.intervals import Intervals
from extproc.statistics.arrays import Ints


class ServerState(StrEnum):
    """In the order in which they win where two are known of the same time."""

    BUSY = "busy"  # exchanges of the ledger ran
    SLEEPING = "sleeping"  # vLLM sleeps, and its GPU is held
    STARTING = "starting"  # from the start of the process until the engine is ready
    IDLE = "idle"  # ready, and nothing ran


class ServerLife(NamedTuple):
    """Times that are known of a server, by the clock of its exchanges. [us]

    Attributes:
        exists: its process was there.
        starting, sleeping: of that time.
        unproven: of that time: after the last sample of each process.
    """

    exists: Intervals
    starting: Intervals
    sleeping: Intervals
    unproven: Intervals = Intervals.none()

    @classmethod
    def unknown(cls) -> Self:
        """Of a server that was never asked: it is only known to exist while it answers."""
        return cls(Intervals.none(), Intervals.none(), Intervals.none())


def state_times(life: ServerLife, busy: Intervals, borders_us: Ints) -> dict[ServerState, Ints]:
    """How long it was in each state, in each slice. Where exchanges ran, it existed, whatever its samples say.

    Together they are the time in which it existed. [us]
    """
    left = life.exists | busy
    found = {}
    for state, times in (
        (ServerState.BUSY, busy),
        (ServerState.SLEEPING, life.sleeping),
        (ServerState.STARTING, life.starting),
    ):
        after = left.without(times)
        found[state] = left.within(borders_us) - after.within(borders_us)
        left = after
    found[ServerState.IDLE] = left.within(borders_us)
    return found


def of_gpus(times: dict[ServerState, Ints], gpus: Ints) -> dict[ServerState, Ints]:
    """The same of all GPUs of a server together. Args: gpus: in each slice. [GPU us]"""
    return {state: np.asarray(of_state * gpus, dtype=np.int64) for state, of_state in times.items()}
