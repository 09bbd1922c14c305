"""Watches for drift: closes blocks, compares them, and tells what has changed.

All that it knows is in the store. So a restart changes nothing, and of several processes that watch one store each
block is compared by one, and shown by all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from extproc.ledger.quality.adding import HOUR_US
from extproc.ledger.quality.blocks import BlocksRow, blocks_row, close_block, take_block
from extproc.ledger.quality.compare import compared_block
from extproc.ledger.quality.history import delete_old
from extproc.ledger.quality.series import seen_series, store_series
from extproc.ledger.quality.states import DriftChange, ShownDrift, shown_drifts, store_states
from extproc.ledger.quality.sums import move_to_read, others_in
from extproc.ledger.quality.terms import DriftTerms
from extproc.ledger.quality.windows import ReferenceWindows
from extproc.ledger.store import LedgerStore

LOOK_S: Final = 2.0
_PART_MAX: Final = 0.05
"""Of the time of a process."""


class DriftLooked(NamedTuple):
    """What was seen.

    Attributes:
        shown: of all configured versions.
        changes: that this process has noted, and is to tell.
        others: answers of strata without sums of their own, in the block that this process has read.
    """

    shown: tuple[ShownDrift, ...] = ()
    changes: tuple[DriftChange, ...] = ()
    others: int = 0


class DriftWatch:
    """Looks at closed blocks, as often as there may be one and as the time that it takes allows."""

    def __init__(self, store: LedgerStore, terms: DriftTerms, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._terms = terms
        self._clock_s = clock_s
        self._windows = ReferenceWindows(terms)
        self._next_s = float("-inf")
        self._shown_block = -1
        self._cleaned_us = 0

    def look_if_due(self, now_us: int) -> DriftLooked | None:
        """Look, if it is time. Returns: None if nothing is new. Raises: StoreFailed."""
        began_s = self._clock_s()
        if began_s < self._next_s:
            return None
        looked = self.look(now_us)
        ended_s = self._clock_s()
        self._next_s = ended_s + max(LOOK_S, (ended_s - began_s) / _PART_MAX)
        return looked

    def look(self, now_us: int) -> DriftLooked | None:
        """Read the block that is closed, and close the one that is open if it is time. Raises: StoreFailed.

        Args: now_us: since 1970.
        """
        with self._store.reading() as connection:
            blocks = blocks_row(connection)
        if blocks.is_due(now_us):
            with self._store.writing() as connection:
                close_block(connection, blocks, now_us)
            with self._store.reading() as connection:
                blocks = blocks_row(connection)
        read = DriftLooked() if blocks.closed is None else self._read(blocks, blocks.closed)
        with self._store.reading() as connection:
            now = blocks_row(connection)
            if now.read_block == self._shown_block:
                return None
            shown = shown_drifts(connection)
        self._shown_block = now.read_block
        return read._replace(shown=tuple(one for one in shown if (one.model, one.version) in self._terms.versions))

    def _read(self, blocks: BlocksRow, block: int) -> DriftLooked:
        """Compare a closed block, and note that it was. Nobody adds to it any more."""
        at_us = blocks.opened_at_us
        with self._store.reading() as connection:
            seen = seen_series(connection)
            found = compared_block(connection, self._terms, self._windows, seen, block, at_us)
            others = others_in(connection, block)
        with self._store.writing() as connection:
            if not take_block(connection, block):
                return DriftLooked()
            store_series(connection, found.series)
            store_states(connection, found.states)
            move_to_read(connection, block)
            if at_us // HOUR_US != self._cleaned_us // HOUR_US:
                delete_old(connection, self._terms, {**seen, **{one.name: one for one in found.series}}, at_us)
        self._cleaned_us = at_us
        return DriftLooked((), tuple(found.changes), others)
