"""What was tried where many are preempted: steps in which a sequence wrote, instead of the time that it was there.

An exchange that wrote fewer tokens than the engine made steps meanwhile was out of it for the rest. The server counts
its steps (``vllm:iteration_tokens_total_count``), so what ran besides says nothing about it, and a late entry would
change no other hour. It is no method: what is computed again stays unseen, and short exchanges fall between scrapes.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from extproc.allocation.served import ServedExchanges
from extproc.allocation.step_costs import StepCosts
from extproc.allocation.timeline import RunningPhase, timeline_of, up_to
from extproc.allocation.weighted_ps import PREFILL_SHARE_MAX
from extproc.statistics.arrays import Floats, Ints

_PRESENT_MIN: Final = 0.02
_SCRAPES_MIN: Final = 2
"""An exchange that lasts shorter is taken to be there all the time."""


def presence(served: ServedExchanges, scrapes_us: Ints, steps: Floats) -> Floats:
    """The part of the steps in which each wrote.

    Args: scrapes_us: rising, as far apart as each other. steps: that the server has counted up to each.
    """
    made = np.interp(served.last_us, scrapes_us, steps) - np.interp(served.first_us, scrapes_us, steps)
    is_long = served.last_us - served.first_us > _SCRAPES_MIN * (scrapes_us[1] - scrapes_us[0])
    wrote = np.maximum(served.written / served.sequences - 1.0, 0.0)
    found = np.divide(wrote, made, out=np.ones(len(served)), where=is_long & (made > 0))
    return np.clip(found, _PRESENT_MIN, 1.0)


def by_presence(served: ServedExchanges, costs: StepCosts, present: Floats) -> Floats:
    """The weight of each exchange: as ``weighted_ps``, with that part of each that was there."""
    timeline = timeline_of(served, np.array([np.min(served.start_us), np.max(served.last_us) + 1]))
    span = timeline.span_us.astype(np.float64)
    lasts = np.maximum(served.first_us - served.start_us, 1)
    rho = costs.prefill_us(served.prompt, served.cached) / lasts
    middle = timeline.cuts_us[:-1] + span / 2.0
    growth = present * served.written / np.maximum(served.last_us - served.first_us, 1)
    context = present * served.sequences * served.prompt - growth * served.first_us
    own = present * costs.sequence * served.sequences + costs.kv_token * context

    prefilling = timeline.in_spans(timeline.prefill)
    decoding = np.maximum(timeline.in_spans(timeline.decode, present), 0.0)
    share = np.where(prefilling > 0, np.maximum(timeline.in_spans(timeline.prefill, rho), 0.0), 0.0)
    most = np.where(timeline.in_spans(timeline.decode) > 0, PREFILL_SHARE_MAX, 1.0)
    clip = np.minimum(most / np.maximum(share, most), 1.0)
    of_decodes = timeline.in_spans(timeline.decode, own)
    of_decodes += costs.kv_token * timeline.in_spans(timeline.decode, growth) * middle
    rate = np.where(most < 1.0, 1.0 - share * clip, 0.0) / (costs.step + np.maximum(of_decodes, 0.0))
    alike = costs.step * rate / np.maximum(prefilling + decoding, _PRESENT_MIN)

    steps = _between(up_to(rate * span), timeline.decode)
    step_times = _between(up_to(rate * middle * span), timeline.decode)
    weights: Floats = rho * _between(up_to(clip * span), timeline.prefill)
    weights += np.maximum(own * steps + costs.kv_token * growth * step_times, 0.0)
    weights += _between(up_to(alike * span), timeline.prefill)
    weights += present * _between(up_to(alike * span), timeline.decode)
    return weights


def _between(integral: Floats, phase: RunningPhase) -> Floats:
    return integral[phase.end] - integral[phase.begin]
