"""The steps that a server has made, by its own count: its clock of work, whatever the ledger has of it."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from extproc.allocation.server_samples import UNKNOWN, ServerSamples
from extproc.statistics.arrays import Floats, Ints


class CountedSteps(NamedTuple):
    """Steps of one engine of a server, by samples of it. ``at_us``: rising. ``steps``: up to each, not falling."""

    at_us: Ints
    steps: Floats


NOT_COUNTED: Final = CountedSteps(np.zeros(0, dtype=np.int64), np.zeros(0))


def counted_steps(samples: ServerSamples) -> CountedSteps:
    """Of one engine on average, over restarts. What was counted between a restart and the sample before it is lost."""
    known = samples.steps != UNKNOWN
    at_us, steps, engines = samples.at_us[known], samples.steps[known], np.maximum(samples.engines[known], 1)
    if not len(at_us):
        return NOT_COUNTED
    rises = np.diff(steps)
    is_same = (np.diff(samples.start_us[known]) == 0) & (np.diff(samples.ready_us[known]) == 0) & (rises >= 0)
    made = np.where(is_same, rises, steps[1:]) / engines[1:]
    return CountedSteps(at_us, np.concatenate((np.zeros(1), np.cumsum(made))))
