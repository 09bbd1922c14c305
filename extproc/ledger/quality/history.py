"""Deletes sums that no reference needs any more."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, delete, func, select

from extproc.ledger.quality.adding import HOUR_US
from extproc.ledger.quality.series import SeenByName, SeenSeries, forget_series, version_before
from extproc.ledger.quality.states import forget_states
from extproc.ledger.quality.sums import READ, SeriesName, is_of
from extproc.ledger.quality.tables import STRATA, SUMS
from extproc.ledger.quality.terms import DriftTerms

KEPT_US: Final = 9 * 24 * HOUR_US
"""A week and the hours around it, and a day for entries that come late."""
_AHEAD_US: Final = 2 * 24 * HOUR_US
"""How far the clock of a machine may be ahead of another's."""


def delete_old(connection: Connection, terms: DriftTerms, seen: SeenByName, at_us: int) -> None:
    """Delete hours that are over, revisions without hours, and strata without sums; in a transaction that writes.

    The last revision of each configured version keeps its last days also while nobody asks it, and so does the one
    before it, with which it may be compared.
    """
    kept = _kept(terms, seen)
    gone = []
    for name, one in seen.items():
        read = (SUMS.c.block == READ) & is_of(name)
        last_us = connection.execute(select(func.max(SUMS.c.hour_us)).where(read)).scalar_one()
        until_us = min(at_us, last_us or 0) if name in kept else at_us
        if not _needs_all(terms, one, name in kept, at_us):
            over = (SUMS.c.hour_us < until_us - KEPT_US) | (SUMS.c.hour_us > at_us + _AHEAD_US)
            connection.execute(delete(SUMS).where(read, over))
        if name not in kept and (last_us is None or last_us < at_us - KEPT_US):
            gone.append(name)
    forget_series(connection, gone)
    forget_states(connection, gone)
    used = select(SUMS.c.team).where((SUMS.c.route == STRATA.c.route) & (SUMS.c.team == STRATA.c.team))
    connection.execute(delete(STRATA).where(~used.exists()))


def _kept(terms: DriftTerms, seen: SeenByName) -> set[SeriesName]:
    last: dict[tuple[str, str], SeenSeries] = {}
    for one in seen.values():
        before = last.get(one.name[:2])
        if one.name[:2] in terms.versions and (before is None or before.last_block < one.last_block):
            last[one.name[:2]] = one
    compared = {one.name for one in last.values()}
    earlier = {version_before(seen, name) for name in compared}
    return compared | {name for name in earlier if name is not None}


def _needs_all(terms: DriftTerms, one: SeenSeries, is_compared: bool, at_us: int) -> bool:
    """Whether a pinned window is still being collected."""
    if terms.section.reference != "pinned" or one.window_of == terms.compared_with:
        return False
    window = terms.section.window_us()
    if window is None:
        return is_compared
    return window[0] - KEPT_US < at_us < window[1] + KEPT_US
