"""Method ``even_ps``: at each instant all that run pay alike. It needs no coefficients."""

from __future__ import annotations

import numpy as np

from extproc.allocation.shares import Shares
from extproc.allocation.step_costs import StepCosts
from extproc.allocation.timeline import RunningPhase, Timeline, up_to


def even_ps(timeline: Timeline, _: StepCosts) -> Shares:
    """Shares of busy time. [us]"""
    whole = RunningPhase(timeline.prefill.begin, timeline.decode.end)
    requests = timeline.in_spans(whole)
    integral = up_to(timeline.span_us * (requests > 0) / np.maximum(requests, 1))
    pieces = timeline.pieces(whole)
    return Shares.together((pieces, integral[pieces.end] - integral[pieces.begin]))
