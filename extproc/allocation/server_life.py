"""When a server existed, started and slept, from what it said of itself.

The start of its process and the moment at which its engines were ready stand on each page. So both are exact, from any
one sample, and samples that are missing lose no time: a process that was the same before and behind was there
meanwhile. What is not known is its end: after its last sample it is taken to exist for one more interval at most.
"""

from __future__ import annotations

import numpy as np

from extproc.allocation.intervals import Intervals
from extproc.allocation.server_samples import UNKNOWN, ServerSamples
from extproc.allocation.server_time import ServerLife
from extproc.statistics.arrays import Ints


def server_life(samples: ServerSamples, interval_us: int) -> ServerLife:
    """The life of a server, as far as its samples go.

    Times are those of the clock that asked. A server whose clock is ahead would start behind its first sample: then it
    starts with that.

    Args: interval_us: the time between two samples, if none is missing; above 0.
    """
    if not len(samples.at_us):
        return ServerLife.unknown()
    first, last = _processes(samples)
    begin, ready = _starts(samples, first)
    ends_before = np.concatenate(([np.iinfo(np.int64).min], samples.at_us[last][:-1]))
    begin = np.maximum(begin, ends_before)  # the one before had the GPUs until then
    ready = np.maximum(ready, begin)
    seen_until = samples.at_us[last]
    end = seen_until + interval_us
    end[:-1] = np.maximum(np.minimum(end[:-1], begin[1:]), seen_until[:-1])
    asleep = _asleep(samples, first, end, interval_us)
    return ServerLife(
        Intervals.union(begin, end), Intervals.union(begin, ready), asleep, Intervals.union(seen_until, end)
    )


def _processes(samples: ServerSamples) -> tuple[Ints, Ints]:
    """Places of the first and the last sample of each process."""
    is_new = np.ones(len(samples.at_us), dtype=np.bool_)
    is_new[1:] = _differ(samples.start_us) | _differ(samples.ready_us)
    first = np.flatnonzero(is_new)
    return first, np.append(first[1:], len(samples.at_us)) - 1


def _differ(times: Ints) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Where a time that both samples say is another one."""
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = (
        (times[1:] != times[:-1]) & (times[1:] != UNKNOWN) & (times[:-1] != UNKNOWN)
    )
    return found


def _starts(samples: ServerSamples, first: Ints) -> tuple[Ints, Ints]:
    """When each process started, and was ready: at its first sample at the latest."""
    at_us = samples.at_us[first]
    ready = np.where(samples.ready_us[first] == UNKNOWN, at_us, np.minimum(samples.ready_us[first], at_us))
    start = np.where(samples.start_us[first] == UNKNOWN, ready, np.minimum(samples.start_us[first], ready))
    return start, ready


def _asleep(samples: ServerSamples, first: Ints, end: Ints, interval_us: int) -> Intervals:
    """From each sample of a server of which all engines sleep until the next one.

    Where samples are missing and it is awake behind, for one interval; where it still sleeps, and has made no step,
    for all the time.
    """
    sleeps = samples.asleep >= samples.engines
    until = np.append(samples.at_us[1:], end[-1])
    until[first[1:] - 1] = end[:-1]
    stays = np.zeros(len(until), dtype=np.bool_)
    stays[:-1] = sleeps[1:] & (samples.steps[1:] == samples.steps[:-1])
    stays[first[1:] - 1] = False
    until = np.where(stays, until, np.minimum(until, samples.at_us + interval_us))
    return Intervals.union(samples.at_us[sleeps], until[sleeps])
