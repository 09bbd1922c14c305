"""Exchanges of a server, drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from hypothesis import strategies as st

from extproc.allocation.intervals import Intervals
from extproc.allocation.running import UNKNOWN, SeenExchanges
from extproc.allocation.server_time import ServerLife
from extproc.allocation.slices import HOUR_US, TimeSlices
from extproc.allocation.step_costs import TYPICAL, StepCosts

COSTS: Final = TYPICAL._replace(chunk_tokens=2_048)

times = st.integers(-HOUR_US // 10, 3 * HOUR_US)
lengths = st.integers(0, 5_000) | st.integers(0, 60_000_000) | st.integers(0, HOUR_US)


@st.composite
def rows(draw: st.DrawFn) -> tuple[int, int, int, int, int, int, int, float]:
    """One exchange: sent, first, ended, prompt, cached, written, sequences, computed."""
    sent, until_first, until_end = draw(times), draw(lengths), draw(lengths)
    first = draw(st.sampled_from([sent + until_first, UNKNOWN]))
    prompt = draw(st.integers(0, 100_000))
    cached = draw(st.integers(0, prompt))
    sequences = draw(st.integers(1, 4))
    written, computed = draw(st.integers(0, 20_000)), draw(st.floats(1, 6))
    return sent, first, sent + until_first + until_end, prompt, cached, written, sequences, computed


def seen_of(given: Sequence[tuple[int, int, int, int, int, int, int, float]]) -> SeenExchanges:
    """Rows as arrays, numbered as they stand."""
    sent, first, ended, prompt, cached, written, sequences = (
        np.array([row[place] for row in given], dtype=np.int64) for place in range(7)
    )
    computed = np.array([row[7] for row in given], dtype=np.float64)
    return SeenExchanges(np.arange(len(given)), sent, first, ended, prompt, cached, written, sequences, computed)


def at(seen: SeenExchanges, places: Sequence[int]) -> SeenExchanges:
    """Some of them, in that order; each keeps its number."""
    chosen = np.array(places, dtype=np.int64)
    return seen._replace(**{name: column[chosen] for name, column in seen._asdict().items()})


many = st.lists(rows(), min_size=1, max_size=12).map(seen_of)
costs = st.builds(
    StepCosts,
    st.floats(1, 1e5),
    *(st.floats(0, 1e3), st.floats(0, 1e3), st.floats(0, 10), st.floats(0, 0.1), st.integers(1, 10_000)),
)


def hours(count: int = 3, gpus: int = 1) -> TimeSlices:
    """Slices of one hour, from 0 on."""
    return TimeSlices(
        np.arange(count + 1) * HOUR_US, np.full(count, gpus, dtype=np.int64), np.zeros(count, dtype=np.int64)
    )


def exists(begin_us: int = 0, end_us: int = 3 * HOUR_US) -> ServerLife:
    """A server that neither starts nor sleeps."""
    one = Intervals.union(np.array([begin_us]), np.array([end_us]))
    return ServerLife(one, Intervals.none(), Intervals.none())
