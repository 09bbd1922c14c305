"""Steps of an engine rise, whatever its server says in between."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from extproc.allocation.counted_steps import NOT_COUNTED, counted_steps
from extproc.allocation.server_samples import UNKNOWN, ServerSample, ServerSamples


def said(*steps: tuple[int, int, int]) -> ServerSamples:
    """Samples each second: when its process started, engines, steps."""
    return ServerSamples.of(
        [
            ServerSample(second * 1_000_000, start_us=start, ready_us=start, engines=engines, steps=made)
            for second, (start, engines, made) in enumerate(steps)
        ]
    )


def test_a_restart_counts_from_zero() -> None:
    """So does another process behind the same address."""
    counted = counted_steps(said((1, 1, 500), (1, 1, 700), (2, 1, 40), (2, 1, 90)))
    assert counted.steps.tolist() == [0, 200, 240, 290]


def test_steps_are_those_of_one_engine() -> None:
    """Two engines make twice as many between them."""
    assert counted_steps(said((1, 2, 0), (1, 2, 600))).steps.tolist() == [0, 300]


def test_what_a_server_does_not_say_is_left_out() -> None:
    """The next sample has it."""
    counted = counted_steps(said((1, 1, 0), (1, 1, UNKNOWN), (1, 1, 80)))
    assert (counted.at_us.tolist(), counted.steps.tolist()) == ([0, 2_000_000], [0, 80])
    assert counted_steps(said((1, 1, UNKNOWN))) is NOT_COUNTED


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(-1, 1_000)), max_size=20))
def test_steps_never_fall(steps: list[tuple[int, int, int]]) -> None:
    """Of any samples."""
    counted = counted_steps(said(*steps))
    assert len(counted.at_us) == len(counted.steps)
    assert (np.diff(counted.steps) >= 0).all()
    assert (np.diff(counted.at_us) > 0).all()
