"""Cells add up to what they were made of, in any order and any parts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from extproc.allocation.used_cells import LENGTHS, UsedCells, UsedHours, lengths_of

_TOKENS = st.one_of(st.integers(0, 10), st.integers(0, 2**40))
_ROWS = st.lists(st.tuples(st.integers(0, 3), _TOKENS, _TOKENS, st.integers(0, 2**40)), max_size=30)


def cells_of(rows: list[tuple[int, int, int, int]]) -> UsedCells:
    """Each row is an exchange: its kind, prompt, answer and GPU time."""
    kind, prompt, written, gpu_us = (np.array([row[place] for row in rows], dtype=np.int64) for place in range(4))
    one = np.ones(len(rows), dtype=np.int64)
    return UsedCells.of_exchanges(kind, prompt, written, one, prompt, prompt // 2, written, gpu_us, gpu_us // 2, gpu_us)


def told(cells: UsedCells) -> list[list[int]]:
    """To compare them."""
    return [column.tolist() for column in cells]


@given(rows=_ROWS, cut=st.integers(0, 30), seed=st.randoms())
def test_parts_in_any_order_add_up_to_the_whole(rows: list[tuple[int, int, int, int]], cut: int, seed: object) -> None:
    """So days and servers may be added one after another."""
    mixed = rows.copy()
    seed.shuffle(mixed)  # type: ignore[attr-defined]
    parts = UsedCells.together([cells_of(mixed[:cut]), UsedCells.none(), cells_of(mixed[cut:])])
    assert told(parts) == told(cells_of(rows))
    assert parts.gpu_us.sum() == sum(row[3] for row in rows)
    keys = list(zip(parts.kind.tolist(), parts.prompt_length.tolist(), parts.written_length.tolist(), strict=True))
    assert keys == sorted(set(keys))


@given(tokens=st.lists(_TOKENS))
def test_a_length_is_the_bits_of_a_number(tokens: list[int]) -> None:
    """As Python counts them; a number that nobody writes is as long as the longest."""
    found = lengths_of(np.array(tokens, dtype=np.int64)).tolist()
    assert found == [min(number.bit_length(), LENGTHS - 1) for number in tokens]


@given(rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 600_000), st.integers(0, 2**40))), cut=st.integers(0))
def test_hours_add_up(rows: list[tuple[int, int, int]], cut: int) -> None:
    """Each group and hour is there once."""

    def hours_of(rows: list[tuple[int, int, int]]) -> UsedHours:
        group, hour, time = (np.array([row[place] for row in rows], dtype=np.int64) for place in range(3))
        return UsedHours.together([UsedHours(group, hour, time // 2, time, time)])

    found = UsedHours.together([hours_of(rows[cut:]), hours_of(rows[:cut])])
    sums: dict[tuple[int, int], int] = {}
    for group, hour, time in rows:
        sums[group, hour] = sums.get((group, hour), 0) + time
    told = zip(found.group.tolist(), found.hour.tolist(), found.gpu_us.tolist(), strict=True)
    assert [((group, hour), time) for group, hour, time in told] == sorted(sums.items())
