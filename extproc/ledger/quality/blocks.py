"""Blocks of answers: one is open, one may be closed and not read yet, all others were read.

Of several processes that watch one store, one closes a block, and one reads it: each step is a compare-and-set.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, select, update

from extproc.ledger.quality.tables import BLOCKS

BLOCK_S: Final = 60.0
"""For which thresholds were calibrated. [s]"""
_BLOCK_US: Final = int(BLOCK_S * 1_000_000)


class BlocksRow(NamedTuple):
    """Where blocks stand. Attributes: opened_at_us: when the open one was opened, by the clock of who did it."""

    open_block: int
    opened_at_us: int
    read_block: int

    @property
    def closed(self) -> int | None:
        """The block that is to be read now."""
        return self.open_block - 1 if self.read_block < self.open_block - 1 else None

    def is_due(self, now_us: int) -> bool:
        """Whether the open block may be closed; also if a clock was set back."""
        return self.closed is None and abs(now_us - self.opened_at_us) >= _BLOCK_US


def blocks_row(connection: Connection) -> BlocksRow:
    """Where blocks stand."""
    return BlocksRow(*connection.execute(select(*(BLOCKS.c[name] for name in BlocksRow._fields))).one())


def close_block(connection: Connection, found: BlocksRow, now_us: int) -> bool:
    """Close the open block, in a transaction that writes. Returns: whether nobody did before."""
    statement = update(BLOCKS).where(
        (BLOCKS.c.open_block == found.open_block) & (BLOCKS.c.read_block == found.open_block - 1)
    )
    done = connection.execute(statement.values(open_block=found.open_block + 1, opened_at_us=now_us))
    return bool(done.rowcount)


def take_block(connection: Connection, block: int) -> bool:
    """Note that a block was read, in the transaction of what came of it. Returns: whether nobody did before."""
    statement = update(BLOCKS).where(BLOCKS.c.read_block == block - 1).values(read_block=block)
    return bool(connection.execute(statement).rowcount)
