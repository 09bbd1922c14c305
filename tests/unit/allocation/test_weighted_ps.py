"""``weighted_ps_v1``: its integrals against a sum over instants, and what it says of plain cases."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings

from extproc.allocation.running import UNKNOWN, SeenExchanges, running
from extproc.allocation.served import ServedExchanges
from extproc.allocation.step_costs import StepCosts
from extproc.allocation.timeline import timeline_of
from extproc.allocation.weighted_ps import PREFILL_SHARE_MAX, weighted_ps
from extproc.statistics.arrays import Floats, Ints
from tests.thorough import examples
from tests.unit.allocation.samples import COSTS, many, seen_of

STEPS = 200
"""Instants of each span, for the sum."""


def summed(served: ServedExchanges, costs: StepCosts) -> Floats:
    """Shares by the formulas of the module, instant by instant. [us]"""
    cuts = np.unique(np.concatenate((served.start_us, served.first_us, served.last_us)))
    paid = np.zeros(len(served))
    for begin, end in itertools.pairwise(cuts.tolist()):
        for at in begin + (end - begin) * (np.arange(STEPS) + 0.5) / STEPS:
            paid += instant(served, costs, at) * (end - begin) / STEPS
    return paid


def instant(served: ServedExchanges, costs: StepCosts, at: float) -> Floats:
    """The share of each at one instant."""
    prefills = (served.start_us <= at) & (at < served.first_us)
    decodes = (served.first_us <= at) & (at < served.last_us)
    requests = int((prefills | decodes).sum())
    if not requests:
        return np.zeros(len(served))
    lasts = np.maximum(served.first_us - served.start_us, 1)
    rho = np.where(prefills, costs.prefill_us(served.prompt, served.cached) / lasts, 0.0)
    if not decodes.any():
        chunks = np.where(prefills, costs.chunks(served.prompt, served.cached) / lasts, 0.0).sum()
        whole = rho.sum() + costs.step * chunks
        return (rho + prefills * costs.step * chunks / requests) / whole
    wanted = float(rho.sum())
    share = min(wanted, PREFILL_SHARE_MAX)
    rho *= share / wanted if wanted else 1.0
    done = (at - served.first_us) / np.maximum(served.last_us - served.first_us, 1)
    context = served.sequences * (served.prompt + 1.0) + np.maximum(served.written - served.sequences, 0) * done
    own = np.where(decodes, costs.sequence * served.sequences * served.computed + costs.kv_token * context, 0.0)
    rate = (1.0 - share) / (costs.step + own.sum())
    return rho + rate * own + (prefills | decodes) * costs.step * rate / requests


def whole(served: ServedExchanges) -> Ints:
    """One slice with all of their time."""
    return np.array([np.min(served.start_us), np.max(served.last_us)])


@given(many)
@settings(max_examples=examples(10))
def test_integrals_are_sums_over_instants(seen: SeenExchanges) -> None:
    """And together they are the busy time."""
    served = running(seen, COSTS).served
    if not len(served):
        return
    found = np.zeros(len(served))
    shares = weighted_ps(timeline_of(served, whole(served)), COSTS)
    found[shares.exchange] = shares.weight
    assert found == pytest.approx(summed(served, COSTS), rel=2e-4, abs=2.0)


def paid(*rows: tuple[int, int, int, int, int, int, int, float]) -> list[float]:
    """Shares of the time in which any ran. [us]"""
    ran = running(seen_of(rows), COSTS)
    shares = weighted_ps(timeline_of(ran.served, whole(ran.served)), COSTS)
    found = np.zeros(len(rows))
    found[ran.place[shares.exchange]] = shares.weight
    return found.tolist()


def test_alone_it_pays_for_all_of_its_time() -> None:
    """A server that does nothing else is held for it."""
    assert paid((0, 20_000, 1_000_000, 500, 0, 100, 1, 1.0)) == [pytest.approx(1_000_000)]


def test_a_long_prompt_pays_for_the_time_that_others_wait() -> None:
    """8,000 tokens at 27 us are 216 ms, and pairs 42 ms, of a prefill of 300 ms, whatever others do meanwhile."""
    short = [(0, 5_000, 2_000_000, 10, 0, 300, 1, 1.0)] * 20
    long = paid(*short, (500_000, 800_000, 2_000_000, 8_000, 0, 200, 1, 1.0))[-1]
    assert 258_000 < long < 258_000 + 1_500_000 / 10


def test_cached_tokens_are_not_computed() -> None:
    """Whoever came first has paid."""
    first, second = paid(
        (0, 80_000, 1_000_000, 2_000, 0, 100, 1, 1.0), (0, 80_000, 1_000_000, 2_000, 1_900, 100, 1, 1.0)
    )
    assert first - second > 1_900 * 27


def test_several_answers_of_one_prompt_are_one_request() -> None:
    """They pay for one prompt and four sequences, and less than four requests."""
    one, four = paid((0, 50_000, 1_000_000, 500, 0, 400, 4, 1.0), (0, 50_000, 1_000_000, 500, 0, 100, 1, 1.0))
    assert one > four
    assert one < 4 * four


def test_a_first_token_that_nobody_saw() -> None:
    """Where an answer is no stream, the prefill has the time of its work."""
    unseen, seen = (paid((0, first, 3_000_000, 1_000, 0, 200, 1, 1.0)) for first in (UNKNOWN, 45_000))
    assert unseen == pytest.approx(seen)
