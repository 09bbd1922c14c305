"""Accepted marks: each once, for as long as it could be sent again, and no more of them than fit."""

from __future__ import annotations

from threading import Lock

from hypothesis import given
from hypothesis import strategies as st

from extproc.exchange.used_marks import UsedMarks

KEEP_NS = 100
TIMES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 60)), max_size=40)


def mark_of(number: int) -> str:
    """A mark, by its signature."""
    return f"key.payload.{number:064x}"


@given(TIMES)
def test_a_mark_is_accepted_once_while_it_is_good(asked: list[tuple[int, int]]) -> None:
    """As a list of all that were accepted says."""
    used, accepted, now_ns = UsedMarks(Lock()), dict[int, int](), 0
    for number, later_ns in asked:
        now_ns += later_ns
        is_new = now_ns >= accepted.get(number, 0)
        assert used.take(mark_of(number), KEEP_NS, now_ns) is is_new
        if is_new:
            accepted[number] = now_ns + KEEP_NS
            assert len(used) == len([until for until in accepted.values() if until > now_ns])


def test_the_oldest_is_forgotten_where_there_are_too_many() -> None:
    """It could vouch once more; memory is bounded."""
    used = UsedMarks(marks_max=3)
    assert all(used.take(mark_of(number), KEEP_NS, 0) for number in range(9))
    assert len(used) == 3
    assert [used.take(mark_of(number), KEEP_NS, 0) for number in (8, 7, 6)] == [False] * 3
    assert used.take(mark_of(0), KEEP_NS, 0)
