"""Method ``prefill_decode_split``: busy time in two parts, as the summed times of prefill and decode relate; each part
by tokens. It is the rule of OpenCost 1.121 with the times that vLLM's counters would have: those of decode count once
for each sequence, so that prefill's part is small.
"""

from __future__ import annotations

import numpy as np

from extproc.allocation.shares import Shares, spread
from extproc.allocation.step_costs import StepCosts
from extproc.allocation.timeline import Timeline
from extproc.statistics.arrays import Floats, Ints


def prefill_decode_split(timeline: Timeline, _: StepCosts) -> Shares:
    """Weights, spread evenly over the time that an exchange runs."""
    served = timeline.served
    prefill_us = int(np.sum(served.first_us - served.start_us))
    decode_us = int(np.sum((served.last_us - served.first_us) * served.sequences))
    weights = _part(served.prompt - served.cached, prefill_us) + _part(served.written, decode_us)
    return spread(timeline, weights)


def _part(tokens: Ints, times_us: int) -> Floats:
    found: Floats = tokens * np.float64(times_us / max(int(tokens.sum()), 1))
    return found
