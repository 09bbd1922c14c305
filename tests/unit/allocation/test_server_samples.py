"""Samples of a server, in order of time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.allocation.server_samples import UNKNOWN, ServerSample, ServerSamples


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 1_000)), max_size=30), st.integers(0, 30))
def test_samples_are_in_order_and_of_two_at_one_time_the_later_one_stays(told: list[tuple[int, int]], cut: int) -> None:
    """Whether they come at once or in parts."""
    samples = [ServerSample(at_us, written=written) for at_us, written in told]
    found = ServerSamples.of(samples)
    assert dict(zip(found.at_us.tolist(), found.written.tolist(), strict=True)) == dict(told)
    assert found.at_us.tolist() == sorted(dict(told))
    parts = ServerSamples.joined([ServerSamples.of(samples[:cut]), ServerSamples.of(samples[cut:])])
    assert [column.tolist() for column in parts] == [column.tolist() for column in found]


def test_samples_between_two_times() -> None:
    """The end is not in it."""
    found = ServerSamples.of([ServerSample(at_us) for at_us in (1, 5, 9)])
    assert found.between(1, 9).at_us.tolist() == [1, 5]
    assert found.between(2, 5).at_us.tolist() == []
    assert found.drafts.tolist() == [UNKNOWN] * 3
    assert len(ServerSamples.joined([]).at_us) == 0
