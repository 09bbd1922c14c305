"""A clock that jumps makes nothing old."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.sinks.review.age import JUMP_MS, AgeClock

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


class Clocks:
    """Two clocks that a test sets."""

    def __init__(self) -> None:
        self.wall_ms, self.steady_ms = NOW_MS, 5_000
        self.age = AgeClock(lambda: self.wall_ms, lambda: self.steady_ms)

    def passes(self, steady_ms: int, jump_ms: int = 0) -> int:
        """Time passes, and the time of day may jump beside; what it is then for whoever deletes."""
        self.steady_ms += steady_ms
        self.wall_ms += steady_ms + jump_ms
        return self.age.now_ms()


def test_after_a_jump_ahead_nothing_is_old_for_a_day() -> None:
    """Years ahead, say: everything would be deleted."""
    clocks = Clocks()
    assert clocks.passes(60_000, jump_ms=20 * 365 * JUMP_MS) == 0
    assert clocks.passes(JUMP_MS - HOUR_MS) == 0
    assert clocks.passes(2 * HOUR_MS) == clocks.wall_ms


def test_a_clock_that_is_set_right_again_is_believed_at_once() -> None:
    """Whoever mended it need not wait."""
    clocks = Clocks()
    clocks.passes(60_000, jump_ms=3 * JUMP_MS)
    assert clocks.passes(60_000, jump_ms=-3 * JUMP_MS) == clocks.wall_ms
    assert not clocks.age.waits


@given(st.lists(st.tuples(st.integers(0, 10 * JUMP_MS), st.integers(-HOUR_MS, HOUR_MS)), max_size=20))
def test_a_clock_that_is_only_set_a_little_is_believed(steps: list[tuple[int, int]]) -> None:
    """However seldom it is asked."""
    clocks = Clocks()
    for steady_ms, jump_ms in steps:
        assert clocks.passes(steady_ms, jump_ms) == clocks.wall_ms


@given(st.lists(st.tuples(st.integers(0, 2 * JUMP_MS), st.integers(-400 * JUMP_MS, 400 * JUMP_MS)), max_size=20))
def test_what_is_believed_is_never_a_jump_of_this_time(steps: list[tuple[int, int]]) -> None:
    """Nor is it ever another time than that of day."""
    clocks = Clocks()
    for steady_ms, jump_ms in steps:
        told_ms = clocks.passes(steady_ms, jump_ms)
        assert told_ms in (0, clocks.wall_ms)
        if jump_ms > JUMP_MS:
            assert told_ms == 0
