"""One block is open, one at most is closed and not read; each step is made once."""

from __future__ import annotations

import pytest

from extproc.ledger.quality.blocks import BlocksRow, blocks_row, close_block, take_block
from extproc.ledger.store import LedgerStore
from tests.unit.ledger.samples import NOON_US


def row_of(store: LedgerStore) -> BlocksRow:
    """As it stands."""
    with store.reading() as connection:
        return blocks_row(connection)


def test_each_step_is_made_once(store: LedgerStore) -> None:
    """By whoever comes first; a block that is not read keeps the next one open."""
    first = row_of(store)
    assert (first, first.closed) == (BlocksRow(1, 0, 0), None)
    with store.writing() as connection:
        assert close_block(connection, first, NOON_US)
        assert not close_block(connection, first, NOON_US)
    closed = row_of(store)
    assert (closed, closed.closed) == (BlocksRow(2, NOON_US, 0), 1)
    with store.writing() as connection:
        assert not close_block(connection, closed, NOON_US)
        assert not take_block(connection, 2)
        assert take_block(connection, 1)
        assert not take_block(connection, 1)
    assert row_of(store) == BlocksRow(2, NOON_US, 1)


@pytest.mark.parametrize(
    ("since_s", "is_due"), [(0, False), (59.9, False), (60, True), (7_200, True), (-59.9, False), (-60, True)]
)
def test_when_a_block_is_closed(since_s: float, is_due: bool) -> None:
    """After a minute, or when a clock was set back; never while another one waits."""
    now_us = NOON_US + int(since_s * 1_000_000)
    assert BlocksRow(5, NOON_US, 4).is_due(now_us) == is_due
    assert not BlocksRow(5, NOON_US, 3).is_due(now_us)
