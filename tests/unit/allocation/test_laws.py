"""Laws of every method: whole numbers that add up, alike for those that are alike, and of nothing else than use."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.allocation.allocate import AllocatedTime, allocate
from extproc.allocation.methods import METHODS
from extproc.allocation.running import UNKNOWN, SeenExchanges, running
from extproc.allocation.server_time import ServerState
from extproc.allocation.slices import HOUR_US, TimeSlices
from extproc.allocation.step_costs import StepCosts
from extproc.statistics.arrays import Ints
from tests.unit.allocation.samples import COSTS, at, costs, exists, hours, many

BY_TIME = ("weighted_ps_v1", "even_ps")
"""Methods that look at each instant by itself."""

methods = pytest.mark.parametrize("method", METHODS)
by_time = pytest.mark.parametrize("method", BY_TIME)


def of_each(found: AllocatedTime, exchanges: int) -> Ints:
    """What each exchange pays in all slices."""
    paid = np.zeros(exchanges, dtype=np.int64)
    np.add.at(paid, found.exchange, found.share)
    return paid


@methods
@given(seen=many, costs=costs, gpus=st.integers(1, 16))
def test_it_adds_up(method: str, seen: SeenExchanges, costs: StepCosts, gpus: int) -> None:
    """Exchanges, idle time and overhead are the time of the GPUs, to the microsecond, in each slice."""
    slices = hours(4, gpus)
    found = allocate(seen, exists(), slices, costs, method)
    paid = np.zeros(4, dtype=np.int64)
    np.add.at(paid, found.slice, found.share)
    assert paid.tolist() == found.states[ServerState.BUSY].tolist()
    assert np.sum([*found.states.values()], axis=0)[:3].tolist() == [HOUR_US * gpus] * 3
    assert (found.share >= 0).all()


@methods
@given(seen=many, data=st.data())
def test_the_order_of_the_input_says_nothing(method: str, seen: SeenExchanges, data: st.DataObject) -> None:
    """To the microsecond."""
    order = data.draw(st.permutations(range(len(seen.number))))
    one = of_each(allocate(seen, exists(), hours(), COSTS, method), len(order))
    other = of_each(allocate(at(seen, order), exists(), hours(), COSTS, method), len(order))
    assert one[np.array(order)].tolist() == other.tolist()


@methods
@given(seen=many)
def test_twins_pay_alike(method: str, seen: SeenExchanges) -> None:
    """But for one microsecond of each slice, which rounding gives to one of them."""
    count = len(seen.number)
    twice = at(seen, [*range(count), 0])._replace(number=np.arange(count + 1))
    found = allocate(twice, exists(), hours(), COSTS, method)
    paid = of_each(found, count + 1)
    assert abs(int(paid[0] - paid[count])) <= 3


@methods
@given(seen=many)
def test_who_ran_at_no_time_pays_nothing(method: str, seen: SeenExchanges) -> None:
    """Such as one that ended before it was sent, by a clock that was set."""
    none = seen._replace(ended_us=np.where(seen.number == 0, seen.sent_us - 5, seen.ended_us))
    found = allocate(none, exists(), hours(), COSTS, method)
    assert 0 not in found.exchange.tolist()
    others = allocate(at(none, range(1, len(none.number))), exists(), hours(), COSTS, method)
    assert found.share.tolist() == others.share.tolist()


@by_time
@given(seen=many, border=st.integers(1, 3 * HOUR_US - 1))
def test_slices_add_up(method: str, seen: SeenExchanges, border: int) -> None:
    """Another border within a slice moves nothing but rounding."""
    whole = TimeSlices(np.array([0, 3 * HOUR_US]), np.array([1]), np.array([0]))
    cut = TimeSlices(np.array([0, border, 3 * HOUR_US]), np.array([1, 1]), np.array([0, 0]))
    one, other = (of_each(allocate(seen, exists(), at, COSTS, method), len(seen.number)) for at in (whole, cut))
    assert np.abs(one - other).max() <= 2


@by_time
@given(seen=many, gpus=st.integers(1, 8))
def test_nobody_pays_more_than_all_while_it_ran(method: str, seen: SeenExchanges, gpus: int) -> None:
    """Alone on a server it pays all of it."""
    paid = of_each(allocate(seen, exists(), hours(4, gpus), COSTS, method), len(seen.number))
    ran = running(seen, COSTS)
    lasts = np.zeros(len(paid), dtype=np.int64)
    lasts[ran.place] = np.clip(ran.served.last_us, 0, 4 * HOUR_US) - np.clip(ran.served.start_us, 0, 4 * HOUR_US)
    assert (paid <= lasts * gpus + 4).all()


@methods
@given(seen=many, later=st.integers(0, 10**15))
def test_the_origin_of_times_says_nothing(method: str, seen: SeenExchanges, later: int) -> None:
    """Only rounding of floats."""
    moved = seen._replace(
        sent_us=seen.sent_us + later,
        first_us=np.where(seen.first_us == UNKNOWN, UNKNOWN, seen.first_us + later),
        ended_us=seen.ended_us + later,
    )
    slices = hours()
    there = slices._replace(borders_us=slices.borders_us + later)
    one = of_each(allocate(seen, exists(), slices, COSTS, method), len(seen.number))
    other = of_each(allocate(moved, exists(later, later + 3 * HOUR_US), there, COSTS, method), len(seen.number))
    assert np.abs(one - other).max() <= 2


@pytest.mark.parametrize("method", ["weighted_ps_v1", "tokens_1_2p5"])
@given(seen=many, more=st.integers(1, 50_000))
def test_more_tokens_at_the_same_times_pay_no_less(method: str, seen: SeenExchanges, more: int) -> None:
    """Other times would be another run."""
    known = seen._replace(first_us=np.where(seen.first_us == UNKNOWN, seen.ended_us, seen.first_us))
    is_first = known.number == 0
    larger = known._replace(written=np.where(is_first, known.written + more, known.written))
    one, other = (of_each(allocate(has, exists(), hours(), COSTS, method), len(seen.number)) for has in (known, larger))
    assert other[0] >= one[0] - 3


@methods
def test_no_exchange_at_all(method: str) -> None:
    """All of the time is idle."""
    nobody = at(SeenExchanges(*(np.zeros(1, dtype=np.int64),) * 8, np.ones(1)), [])
    found = allocate(nobody, exists(), hours(), COSTS, method)
    assert found.states[ServerState.IDLE].tolist() == [HOUR_US] * 3
    assert not len(found.share)


def test_costs_that_are_none() -> None:
    """A caller that reads them from a file is told."""
    seen = at(SeenExchanges(*(np.zeros(1, dtype=np.int64),) * 8, np.ones(1)), [])
    with pytest.raises(ValueError, match="sequence is -1; a cost is at least 0"):
        allocate(seen, exists(), hours(), COSTS._replace(sequence=-1.0), "even_ps")
    with pytest.raises(ValueError, match="a step costs more than 0"):
        allocate(seen, exists(), hours(), COSTS._replace(step=0.0), "even_ps")
