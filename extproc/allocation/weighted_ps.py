"""Method ``weighted_ps_v1``: prefills take the time that their work takes, decoding takes the rest.

In a step, each request pays for its own work, and all share alike what the step costs in any case: the Shapley
value of an affine cost. A proxy sees no steps, so of each span between two changes it takes

    rho_i = own prefill work of i, over the time of its prefill       share of time
    R     = sum of rho, at most 0.97 while anything decodes
    r     = (1 - R) / (step + sequence * D + kv_token * KV(t))        steps a microsecond
    i prefills: rho_i + step * r / n;   i decodes: r * (sequence * D_i + kv_token * KV_i(t)) + step * r / n

with n requests. If prefills are alone, rho and their part of steps are scaled to 1. Together they take all of the time.
Contexts grow evenly from the first token to the last. Weights that are normalized at each instant instead would halve
what a long prompt pays, as decoding slows down meanwhile.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from extproc.allocation.served import ServedExchanges
from extproc.allocation.shares import Shares
from extproc.allocation.step_costs import StepCosts
from extproc.allocation.timeline import Timeline, up_to
from extproc.statistics.arrays import Floats, Ints

PREFILL_SHARE_MAX = 0.97
"""Of the time, while anything decodes: times that a proxy sees are no exact ones, and something was decoded."""
_SMALL = 1e-4


def weighted_ps(timeline: Timeline, costs: StepCosts) -> Shares:
    """Shares of busy time. [us]"""
    served = timeline.served
    rho = _prefill_shares(served, costs)
    contexts = _contexts(served)
    rates = _rates(timeline, costs, rho, contexts)
    prefills, decodes = timeline.pieces(timeline.prefill), timeline.pieces(timeline.decode)

    of_prefills = rho[prefills.exchange] * _between(rates.prefill, prefills.begin, prefills.end)
    of_prefills += _between(rates.steps_alike, prefills.begin, prefills.end)
    steps = _between(rates.steps, decodes.begin, decodes.end)
    step_times = _between(rates.step_times, decodes.begin, decodes.end)
    of = decodes.exchange
    own = costs.sequence * (served.sequences * served.computed)[of] * steps
    own += costs.kv_token * (contexts.at_origin[of] * steps + contexts.slope[of] * step_times)
    of_decodes = np.maximum(own, 0.0) + _between(rates.steps_alike, decodes.begin, decodes.end)
    return Shares.together((prefills, of_prefills), (decodes, of_decodes))


def steps_so_far(timeline: Timeline, costs: StepCosts) -> Floats:
    """Steps in which anything was decoded, up to each cut."""
    served = timeline.served
    return _rates(timeline, costs, _prefill_shares(served, costs), _contexts(served)).steps


def _prefill_shares(served: ServedExchanges, costs: StepCosts) -> Floats:
    lasts = np.maximum(served.first_us - served.start_us, 1)
    found: Floats = costs.prefill_us(served.prompt, served.cached) / lasts
    return found


class _Contexts(NamedTuple):
    """Tokens that stand before the next one, of all sequences: ``at_origin + slope * time``."""

    at_origin: Floats
    slope: Floats


def _contexts(served: ServedExchanges) -> _Contexts:
    lasts = served.last_us - served.first_us
    slope = np.where(lasts > 0, np.maximum(served.written - served.sequences, 0) / np.maximum(lasts, 1), 0.0)
    at_first = served.sequences * (served.prompt + 1.0)
    return _Contexts(at_first - slope * served.first_us, slope)


class _Rates(NamedTuple):
    """Integrals up to each cut.

    Attributes:
        prefill: by what own prefill shares are scaled.
        steps_alike: what each request pays of the steps themselves.
        steps: of decoding. step_times: steps, each times its time.
    """

    prefill: Floats
    steps_alike: Floats
    steps: Floats
    step_times: Floats


def _rates(timeline: Timeline, costs: StepCosts, rho: Floats, contexts: _Contexts) -> _Rates:
    served, span = timeline.served, timeline.span_us.astype(np.float64)
    prefilling, decoding = timeline.in_spans(timeline.prefill), timeline.in_spans(timeline.decode)
    requests = np.maximum(prefilling + decoding, 1)
    chunk_rate = costs.chunks(served.prompt, served.cached) / np.maximum(served.first_us - served.start_us, 1)
    rho_sum = np.where(prefilling > 0, np.maximum(timeline.in_spans(timeline.prefill, rho), 0.0), 0.0)
    chunks = np.where(prefilling > 0, np.maximum(timeline.in_spans(timeline.prefill, chunk_rate), 0.0), 0.0)
    decodes, alone = decoding > 0, (decoding == 0) & (prefilling > 0)

    share = np.minimum(rho_sum, PREFILL_SHARE_MAX)
    clip = np.divide(share, rho_sum, out=np.ones_like(share), where=rho_sum > 0)
    own = rho_sum + costs.step * chunks
    clip = np.where(alone, 1.0 / np.where(own > 0, own, 1.0), clip)
    begin = timeline.cuts_us[:-1].astype(np.float64)
    kv = timeline.in_spans(timeline.decode, contexts.at_origin)
    growth = timeline.in_spans(timeline.decode, contexts.slope)
    sequences = timeline.in_spans(timeline.decode, served.sequences * served.computed)
    at_begin = costs.step + costs.sequence * sequences + costs.kv_token * np.maximum(kv + growth * begin, 0.0)
    bend = np.maximum(costs.kv_token * growth, 0.0) * span / at_begin
    steps = np.where(decodes, (1.0 - share) * span / at_begin * _log1p_over(bend), 0.0)
    late = np.where(decodes, (1.0 - share) * span**2 / at_begin * _rest_over(bend), 0.0)
    alike = np.where(alone, costs.step * chunks * clip * span, costs.step * steps) / requests
    return _Rates(*map(up_to, (clip * span * (prefilling > 0), alike, steps, steps * begin + late)))


def _log1p_over(x: Floats) -> Floats:
    """log(1 + x) / x."""
    return np.where(x < _SMALL, 1.0 - x / 2.0 + x * x / 3.0, np.log1p(x) / np.maximum(x, _SMALL))


def _rest_over(x: Floats) -> Floats:
    """(x - log(1 + x)) / x^2."""
    return np.where(x < _SMALL, 0.5 - x / 3.0 + x * x / 4.0, (x - np.log1p(x)) / np.maximum(x, _SMALL) ** 2)


def _between(integral: Floats, begin: Ints, end: Ints) -> Floats:
    return integral[end] - integral[begin]
