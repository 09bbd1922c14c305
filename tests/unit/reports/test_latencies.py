"""Quantiles from buckets: near the true ones, for every group, whatever was added to what."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from extproc.reports.latencies import ERROR_MAX, DurationTable

DURATIONS = st.lists(st.integers(0, 10**11), max_size=40)


def listed(durations: list[int]) -> str | None:
    """As SQLite hands them out."""
    return ",".join(map(str, durations)) if durations else None


def exact(durations: list[int], share: float) -> int:
    """The quantile of a list, by its rank; less than a microsecond counts as one."""
    return max(sorted(durations)[max(math.ceil(share * len(durations)), 1) - 1], 1)


@given(st.lists(DURATIONS, max_size=5), st.sampled_from([0.0, 0.5, 0.95, 1.0]))
def test_a_quantile_is_near_the_true_one(groups: list[list[int]], share: float) -> None:
    """Of each group that has durations; of all groups together too."""
    table = DurationTable.of_durations(range(len(groups)), [listed(one) for one in groups])
    found = table.quantiles_us(share)
    assert found.keys() == {number for number, one in enumerate(groups) if one}
    for number, quantile in found.items():
        assert abs(quantile / exact(groups[number], share) - 1) <= ERROR_MAX
    everything = [duration for one in groups for duration in one]
    for quantile in table.as_one_group().quantiles_us(share).values():
        assert abs(quantile / exact(everything, share) - 1) <= ERROR_MAX


@given(st.lists(st.tuples(st.integers(0, 3), DURATIONS), max_size=6))
def test_parts_add_up(parts: list[tuple[int, list[int]]]) -> None:
    """Counted at once or one after the other, in any order."""
    whole = DurationTable.of_durations([group for group, _ in parts], [listed(one) for _, one in parts])
    tables = [DurationTable.of_durations([group], [listed(one)]) for group, one in reversed(parts)]
    summed = DurationTable.sum_of(tables)
    for share in (0.5, 0.95):
        assert summed.quantiles_us(share) == whole.quantiles_us(share)


def test_durations_that_there_are_not_do_not_count() -> None:
    """A first token that never came."""
    assert DurationTable.of_durations([0], [None]).quantiles_us(0.5) == {}
    assert DurationTable().quantiles_us(0.5) == {}
    assert DurationTable.sum_of([]).quantiles_us(0.5) == {}
