"""Times between the texts of a stream: quantiles that are near, whatever the times are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.gaps import gap_quantiles, new_gaps, note_gap

TIMES_NS = st.integers(200_000, 1_000_000_000_000)


def counted(times_ns: list[int]) -> list[int]:
    """These times."""
    gaps = new_gaps()
    for time_ns in times_ns:
        note_gap(gaps, time_ns)
    return gaps


@given(st.lists(TIMES_NS, min_size=1, max_size=60), st.floats(0, 1))
def test_a_quantile_is_near(times_ns: list[int], share: float) -> None:
    """That of the same rank, within 13 %."""
    (found,) = gap_quantiles(counted(times_ns), [share]) or [0.0]
    ranked = sorted(times_ns)[int(share * (len(times_ns) - 1))] * 1e-9
    assert ranked / 1.13 < found < ranked * 1.13


@given(st.lists(TIMES_NS, min_size=1), st.lists(TIMES_NS))
def test_times_of_two_streams_add_up(one: list[int], another: list[int]) -> None:
    """Counts of equal sizes."""
    assert [first + second for first, second in zip(counted(one), counted(another), strict=True)] == counted(
        one + another
    )


@given(st.integers(0, 2**62))
def test_no_time_is_too_short_or_too_long(time_ns: int) -> None:
    """It is counted once."""
    assert sum(counted([time_ns])) == 1


def test_quantiles_do_not_fall() -> None:
    """A longer time has no lower size, over all sizes."""
    sizes = [gap_quantiles(counted([int(1.05**step)]), [0.5]) or [] for step in range(600)]
    assert sizes == sorted(sizes)
    assert len(set(map(tuple, sizes))) == len(new_gaps()) - 3  # the shortest ones are one


def test_without_times_there_is_no_quantile() -> None:
    """An answer in one piece."""
    assert gap_quantiles(new_gaps(), [0.5]) is None
