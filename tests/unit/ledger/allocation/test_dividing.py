"""Whatever is wrong with entries and samples, the time of a server adds up to how long its GPUs were there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from extproc.allocation.counted_steps import counted_steps
from extproc.allocation.intervals import Intervals
from extproc.allocation.methods import METHODS
from extproc.allocation.running import UNKNOWN, SeenExchanges, running
from extproc.allocation.server_life import server_life
from extproc.allocation.server_samples import ServerSample, ServerSamples
from extproc.allocation.server_time import ServerLife, ServerState
from extproc.allocation.slices import HOUR_US, GpuTerms
from extproc.allocation.step_costs import TYPICAL
from extproc.ledger.allocation.dividing import AllocationTerms, DividedServer, ServerTerms, divided_servers
from extproc.ledger.allocation.reading import Payer, ReadExchanges, ServerExchanges
from extproc.ledger.allocation.slice_rows import UNPAID, slice_rows

SERVER, STRANGE = "10.0.0.7:8000", "10.0.0.9:8000"
SPAN = (0, 4 * HOUR_US)
NO_DATABASE = cast("Connection", None)
PAYERS = [Payer(team, "", "", "", "", "llama", "v1") for team in ("search", "chat")]

_times = st.one_of(
    st.integers(-HOUR_US, 5 * HOUR_US), st.sampled_from([0, HOUR_US, HOUR_US - 1, SPAN[1], -(1 << 50), 1 << 50])
)
_tokens = st.one_of(st.integers(-10, 3_000), st.sampled_from([0, 1 << 30]))
_exchanges = st.lists(st.tuples(_times, st.one_of(st.just(UNKNOWN), _times), _times, *[_tokens] * 4), max_size=12)
_counts = st.one_of(st.just(-1), st.integers(0, 100_000), st.just(1 << 53))
_samples = st.lists(
    st.builds(
        ServerSample,
        at_us=st.integers(-HOUR_US, 5 * HOUR_US),
        start_us=st.one_of(st.just(-1), _times),
        ready_us=st.one_of(st.just(-1), _times),
        engines=st.integers(0, 3),
        asleep=st.integers(0, 3),
        running=st.integers(0, 3),
        waiting=st.integers(0, 3),
        preemptions=_counts,
        steps=_counts,
        computed=_counts,
        written=_counts,
        drafts=_counts,
        draft_tokens=_counts,
        accepted_tokens=_counts,
    ),
    max_size=12,
)
_changes = st.lists(
    st.tuples(st.integers(0, SPAN[1]), st.integers(0, 8), st.one_of(st.none(), st.integers(0, 10**13))), max_size=3
)


def seen(rows: Sequence[Sequence[int]]) -> SeenExchanges:
    """As they may be in a ledger, whatever wrote it."""
    sent, first, ended, prompt, cached, written, sequences = (
        np.array([row[place] for row in rows], dtype=np.int64) for place in range(7)
    )
    number, computed = np.arange(len(rows)), np.ones(len(rows))
    return SeenExchanges(number, sent, first, ended, prompt, cached, written, sequences, computed)


def divided(
    exchanges: SeenExchanges,
    samples: Sequence[ServerSample],
    changes: Sequence[tuple[int, int, int | None]],
    method: str,
) -> tuple[DividedServer, ServerLife]:
    """One server, and another one that the configuration does not have."""
    of_server = ServerSamples.of(samples)
    life = server_life(of_server, 15_000_000)
    known = [GpuTerms(0, 2, 2_500_000_000), *(GpuTerms(*one) for one in sorted(changes, key=lambda one: one[0]))]
    terms = AllocationTerms(
        method,
        {SERVER: ServerTerms("H100", "USD", tuple(known))}.get,
        lambda *_: {SERVER: life},
        lambda *_: of_server,
        lambda *_: TYPICAL,
    )
    of_payers = ServerExchanges(exchanges, np.arange(len(exchanges.number)) % 2)
    read = ReadExchanges({SERVER: of_payers, STRANGE: of_payers}, PAYERS)
    (found,) = divided_servers(NO_DATABASE, terms, SPAN, read, {})
    return found, life


@pytest.mark.parametrize("method", METHODS)
@given(rows=_exchanges, samples=_samples, changes=_changes)
def test_whatever_is_wrong_it_adds_up(
    method: str,
    rows: list[tuple[int, ...]],
    samples: list[ServerSample],
    changes: list[tuple[int, int, int | None]],
) -> None:
    """Entries that end before they begin, first tokens out of place, counters that fall, clocks that are off, samples
    that are missing or twice, GPUs and prices that change at any moment.

    A slice has the time in which the server existed or ran anything, times its GPUs.
    """
    found, life = divided(seen(rows), samples, changes, method)
    rows_of_slices = list(slice_rows(found.exchanges, PAYERS, found.slices, found.allocated, found.costs))
    states = found.allocated.states
    ran = running(found.exchanges.seen, TYPICAL, counted_steps(ServerSamples.of(samples))).served
    exists = life.exists | Intervals.union(ran.start_us, ran.last_us)
    for place, (begin, gpus) in enumerate(zip(found.slices.borders_us[:-1], found.slices.gpus, strict=True)):
        of_states = {state.value: int(times[place]) for state, times in states.items()}
        known = int(exists.within(found.slices.borders_us)[place]) * int(gpus)
        assert sum(of_states.values()) == known
        assert all(time >= 0 for time in of_states.values())
        told = [row for row in rows_of_slices if row.values["begin_us"] == begin]
        assert len(told) == (sum(of_states.values()) > 0)
        for row in told:
            used = sum(share["gpu_us"] for share in row.shares)
            assert used + row.values["unexplained"] == of_states[ServerState.BUSY]
            assert used + sum(row.values[name] for name in UNPAID) == sum(of_states.values())
            assert all(share["gpu_us"] > 0 for share in row.shares)
            assert sum(share["cost"] for share in row.shares) >= 0


def test_a_server_that_the_configuration_does_not_have_is_left_out() -> None:
    """Its exchanges are counted by who asked for the division."""
    found, _ = divided(seen([(0, 1, 10, 5, 0, 5, 1)]), [], [], "weighted_ps_v1")
    assert found.name == SERVER


def test_a_process_that_overlaps_with_the_one_before_counts_once() -> None:
    """Two processes at one address at the same time, as their clocks say, are one server there."""
    begin, apart = HOUR_US, 15_000_000
    samples = [ServerSample(begin + apart * number, begin - apart, begin - 1) for number in range(4)]
    samples += [ServerSample(begin + apart * number, begin, begin + 1) for number in range(4, 8)]
    found, _ = divided(seen([]), samples, [], "weighted_ps_v1")
    states: dict[Any, Any] = {state: int(times.sum()) for state, times in found.allocated.states.items()}
    assert states[ServerState.IDLE] + states[ServerState.STARTING] <= 2 * 10 * apart
