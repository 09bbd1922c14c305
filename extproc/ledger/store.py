"""The store of the ledger: SQLite in a file, or PostgreSQL. Idempotent: an exchange that is stored stays as it is.

Who adds entries of a spool says in the same transaction up to where it was read. So whatever is interrupted, and
wherever, each record is stored once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Executable, RowMapping, func, select

from extproc.database.engine import Database
from extproc.ledger.entry import EntryOutcome, LedgerEntry, TokenSource, TriedVersion
from extproc.ledger.migrations import bring_up_to_date
from extproc.ledger.places import SpoolPlace, table_values
from extproc.ledger.quality.adding import add_to_sums
from extproc.ledger.schema import ENTRIES, SPOOLS, row_of
from extproc.ledger.slots import add_to_slots, insert_into

ROWS_AT_ONCE = 500
_FIELDS = tuple(one.name for one in fields(LedgerEntry))
_SOURCES = tuple(name for name in _FIELDS if name.endswith("_tokens_source"))


class LedgerStore:
    """One connection pool, with the tables created or migrated; an ``EntrySink``. ``warnings`` are for the caller.

    Args: as those of ``Database``.
    Raises: StoreFailed, here and in every method.

    Attributes: strata_max: of the sums of signals; 0: none are kept.
    """

    entries_max = ROWS_AT_ONCE

    def __init__(self, url: str, folder: Path, *, creates: bool = True) -> None:
        self._database = Database(url, folder, bring_up_to_date, creates=creates, syncs_each=True)
        self.warnings = self._database.warnings
        self.strata_max = 0

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def add(self, entries: Sequence[LedgerEntry]) -> int:
        """Add entries, all or none; those whose exchange is stored are left out. Returns: how many were new."""
        with self._database.writing() as connection:
            return _add(connection, entries, self.strata_max)

    def add_of_spool(self, entries: Sequence[LedgerEntry], place: SpoolPlace) -> SpoolPlace:
        """Add entries of a spool, and the place up to which it was read, in one transaction.

        Args: place: with the counts of before, apart from ``damaged``.
        Returns: the place with the new counts.
        """
        with self._database.writing() as connection:
            new = _add(connection, entries, self.strata_max)
            repeated = place.repeated + len(entries) - new
            counted = replace(place, entries=place.entries + new, repeated=repeated)
            values = table_values(counted)
            statement = insert_into(connection, SPOOLS).values(values)
            changed = {name: value for name, value in values.items() if name != "spool"}
            connection.execute(statement.on_conflict_do_update(index_elements=["spool"], set_=changed))
            return counted

    def settle(self, now: bool) -> bool:
        """Each transaction stores what it adds."""
        return True

    def take_refused(self) -> int:
        """It takes every entry that can be read."""
        return 0

    def place_of(self, spool: str) -> SpoolPlace:
        """Up to where a spool is stored."""
        with self._database.reading() as connection:
            row = connection.execute(select(SPOOLS).where(SPOOLS.c.spool == spool)).mappings().one_or_none()
            return SpoolPlace(spool) if row is None else SpoolPlace(**row)

    def places(self) -> list[SpoolPlace]:
        """Of all spools that were ever stored, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(select(SPOOLS).order_by(SPOOLS.c.spool)).mappings()
            return [SpoolPlace(**row) for row in rows]

    def get(self, exchange: str) -> LedgerEntry | None:
        """The entry of an exchange."""
        with self._database.reading() as connection:
            row = connection.execute(select(ENTRIES).where(ENTRIES.c.exchange == exchange)).mappings().one_or_none()
            return None if row is None else entry_of(row)

    def count(self) -> int:
        """How many entries there are."""
        with self._database.reading() as connection:
            return connection.execute(select(func.count()).select_from(ENTRIES)).scalar_one()

    def rows(self, query: Executable) -> list[RowMapping]:
        """What a query of the caller's own finds: a report."""
        with self._database.reading() as connection:
            return list(connection.execute(query).mappings())

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes, for changes of budgets and for drift."""
        with self._database.writing() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads, for reports of several queries."""
        with self._database.reading() as connection:
            yield connection


def _add(connection: Connection, entries: Sequence[LedgerEntry], strata_max: int) -> int:
    """Add those that are new. Returns: how many."""
    rows: dict[str, dict[str, Any]] = {}
    for entry in entries:
        rows.setdefault(entry.exchange, row_of(entry))
    added = 0
    for part in _parts(list(rows)):
        known = set(connection.execute(select(ENTRIES.c.exchange).where(ENTRIES.c.exchange.in_(part))).scalars())
        new = [rows[exchange] for exchange in part if exchange not in known]
        if new:
            statement = insert_into(connection, ENTRIES).on_conflict_do_nothing().returning(ENTRIES.c.exchange)
            stored = set(connection.execute(statement, new).scalars())  # less than all if another one was faster
            counted = [row for row in new if row["exchange"] in stored]
            add_to_slots(connection, counted)
            if strata_max:
                add_to_sums(connection, counted, strata_max)
            _add_to_rollouts(connection, [row for row in counted if row["rollout"]])
            added += len(stored)
    return added


def _add_to_rollouts(connection: Connection, rows: list[dict[str, Any]]) -> None:
    if rows:
        from extproc.ledger.rollouts.adding import add_to_rollouts  # with numpy, and of no use to most

        add_to_rollouts(connection, rows)


def _parts(items: list[str]) -> Iterable[list[str]]:
    return (items[first : first + ROWS_AT_ONCE] for first in range(0, len(items), ROWS_AT_ONCE))


def entry_of(row: RowMapping | Mapping[str, Any]) -> LedgerEntry:
    """The entry of a row."""
    values: dict[str, Any] = {name: row[name] for name in _FIELDS}
    values["outcome"] = EntryOutcome(values["outcome"])
    values["finish_reasons"] = tuple(values["finish_reasons"])
    values["attempts"] = tuple(TriedVersion(**one) for one in values["attempts"])
    for name in _SOURCES:
        values[name] = None if values[name] is None else TokenSource(values[name])
    return LedgerEntry(**values)
