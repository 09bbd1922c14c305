"""What was tried where many are preempted: steps that a sequence made, instead of the time that it was there.

An exchange that wrote fewer tokens than the engine made steps meanwhile was out of it for the rest. How many steps were
made depends on how many were out, so it is found by repetition. It reaches beyond a slice: who was out depends on all
that ran during an exchange, so a late entry would change charges of other hours. So it is no method.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from extproc.allocation.served import Floats, ServedExchanges
from extproc.allocation.step_costs import StepCosts
from extproc.allocation.timeline import Phase, timeline_of, up_to
from extproc.allocation.weighted_ps import PREFILL_SHARE_MAX

_ROUNDS: Final = 8
_DAMPING: Final = 0.3
_PRESENT_MIN: Final = 0.02


def by_steps_made(served: ServedExchanges, costs: StepCosts) -> Floats:
    """The weight of each exchange; presence is that part of the steps in which it wrote."""
    wrote = np.maximum(served.written / served.sequences - 1.0, 0.0)
    presence = np.ones(len(served))
    for _ in range(_ROUNDS):
        weights, made = _weights(served, costs, presence)
        now = np.divide(wrote, made, out=np.ones(len(served)), where=made > 0)
        presence = np.clip(_DAMPING * presence + (1.0 - _DAMPING) * now, _PRESENT_MIN, 1.0)
    return weights


def _weights(served: ServedExchanges, costs: StepCosts, presence: Floats) -> tuple[Floats, Floats]:
    """Weights, and the steps that were made while each decoded, with contexts as they are midway."""
    timeline = timeline_of(served, np.array([np.min(served.start_us), np.max(served.last_us) + 1]))
    span = timeline.span_us.astype(np.float64)
    lasts = np.maximum(served.first_us - served.start_us, 1)
    rho = costs.prefill_us(served.prompt, served.cached) / lasts
    context = served.sequences * served.prompt + served.written / 2.0
    own = presence * (costs.sequence * served.sequences + costs.kv_token * context)

    prefilling = timeline.in_spans(timeline.prefill)
    decoding = np.maximum(timeline.in_spans(timeline.decode, presence), 0.0)
    share = np.where(prefilling > 0, np.maximum(timeline.in_spans(timeline.prefill, rho), 0.0), 0.0)
    most = np.where(timeline.in_spans(timeline.decode) > 0, PREFILL_SHARE_MAX, 1.0)
    clip = np.minimum(most / np.maximum(share, most), 1.0)
    of_decodes = np.maximum(timeline.in_spans(timeline.decode, own), 0.0)
    rate = np.where(most < 1.0, 1.0 - share * clip, 0.0) / (costs.step + of_decodes)
    alike = costs.step * rate / np.maximum(prefilling + decoding, _PRESENT_MIN)

    steps = _between(up_to(rate * span), timeline.decode)
    weights = rho * _between(up_to(clip * span), timeline.prefill) + own * steps
    weights += _between(up_to(alike * span), timeline.prefill)
    return weights + presence * _between(up_to(alike * span), timeline.decode), steps


def _between(integral: Floats, phase: Phase) -> Floats:
    return integral[phase.end] - integral[phase.begin]
