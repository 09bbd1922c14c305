"""Which revision of a version is compared, and which one came before it."""

from __future__ import annotations

import pytest

from extproc.ledger.quality.series import (
    IDLE_BLOCKS_MAX,
    SeenSeries,
    compared_now,
    forget_series,
    seen_series,
    store_series,
    version_before,
    with_block,
)
from extproc.ledger.quality.sums import SeriesName
from extproc.ledger.store import LedgerStore
from extproc.statistics.sums import BlockSums

OLD, NEW = SeriesName("m", "v1", "f1", ""), SeriesName("m", "v1", "f2", "")
OTHER, ELSEWHERE = SeriesName("m", "v2", "f9", "p"), SeriesName("n", "v1", "f1", "")


def seen(*several: tuple[SeriesName, int, int]) -> dict[SeriesName, SeenSeries]:
    """By name, with the first block and the last one."""
    return {name: SeenSeries(name, first, last) for name, first, last in several}


def test_what_is_stored_comes_back(store: LedgerStore) -> None:
    """With its window; what changes is replaced, what is forgotten is gone."""
    window = {"refused": {"night a": BlockSums(5, 2, 2)}, "length": {"others": BlockSums(3, 1.25, 9.5)}}
    first = [SeenSeries(OLD, 1, 4), SeenSeries(NEW, 2, 5, "pinned 1000", window)]
    for several in (first, [SeenSeries(OLD, 1, 9)]):
        with store.writing() as connection:
            store_series(connection, several)
    with store.writing() as connection:
        store_series(connection, [])
        assert seen_series(connection) == {OLD: SeenSeries(OLD, 1, 9), NEW: first[1]}
        forget_series(connection, [OLD])
        assert list(seen_series(connection)) == [NEW]


def test_a_block_with_answers() -> None:
    """Of one that is known, and of one that is new."""
    found = with_block(seen((OLD, 1, 4), (OTHER, 2, 4)), [OLD, NEW], 7)
    assert found == seen((OLD, 1, 7), (OTHER, 2, 4), (NEW, 7, 7))


@pytest.mark.parametrize(
    ("known", "compared"),
    [
        (seen((OLD, 1, 20), (NEW, 15, 20)), [NEW]),  # replicas are replaced one by one
        (seen((OLD, 1, 20), (NEW, 15, 19)), []),  # the new one is silent for a minute
        (seen((OLD, 1, 20), (NEW, 5, 19 - IDLE_BLOCKS_MAX)), [OLD]),  # it was taken back
        (seen((OLD, 1, 20), (OTHER, 1, 20), (ELSEWHERE, 1, 19)), [OLD, OTHER]),
    ],
)
def test_the_revision_that_is_compared(known: dict[SeriesName, SeenSeries], compared: list[SeriesName]) -> None:
    """The newest that still answers; of a version at most one."""
    assert compared_now(known, [name for name, one in known.items() if one.last_block == 20]) == compared


def test_the_version_before() -> None:
    """The last that was first seen earlier, of the same model; of equally old ones by name."""
    known = seen((OLD, 1, 9), (OTHER, 5, 9), (NEW, 7, 9), (ELSEWHERE, 6, 9))
    assert [version_before(known, name) for name in known] == [None, OLD, OTHER, None]
    assert version_before(seen((OTHER, 1, 1), (OLD, 1, 1)), OTHER) == OLD
