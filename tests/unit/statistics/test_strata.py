"""Strata beyond the places of a detector are one; nothing is counted twice, or lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.statistics.drift import STRATA_MAX
from extproc.statistics.strata import OTHERS, folded, kept_strata
from extproc.statistics.sums import BlockSums

NAMES = st.sampled_from([*"abcdefghijkl", OTHERS])
SUMS = st.dictionaries(NAMES, st.integers(0, 9).map(lambda count: BlockSums.of_events(count, count / 2)))


def test_the_largest_stay_apart() -> None:
    """With those that have a place; equally large ones by name."""
    window = {
        name: BlockSums.of_events(count, 1) for name, count in zip("abcdefghijk", (*range(1, 10), 9, 9), strict=True)
    }
    assert kept_strata(window, ()) == frozenset("efghijk")
    assert kept_strata(window, ("a", OTHERS)) == frozenset("afghijk")
    few = {name: BlockSums.of_events(5, 1) for name in "ab"}
    assert kept_strata({**few, OTHERS: BlockSums.of_events(99, 1), "empty": BlockSums()}, ()) == frozenset("ab")


@given(window=SUMS, block=SUMS, placed=st.lists(NAMES, max_size=STRATA_MAX, unique=True))
def test_nothing_is_lost(window: dict[str, BlockSums], block: dict[str, BlockSums], placed: list[str]) -> None:
    """And there are never more strata than places."""
    kept = kept_strata(window, placed)
    assert len(kept) < STRATA_MAX
    found = folded(block, kept)
    assert found.keys() <= kept | {OTHERS}
    assert sum(found.values(), BlockSums()) == sum(block.values(), BlockSums())
