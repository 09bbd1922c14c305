"""Allocates the time of servers, day by day, and stores what is new.

A day that was allocated is read again only if the ledger has entries since that ran in it. A slice that comes out as it
was stays; another one gets a revision, by the step costs of its first one.

Two processes may allocate one day at once: who writes second finds what the first one wrote, and begins again. So no
slice has a revision twice, and none is written by what is older.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, RowMapping, func, insert, select

from extproc.database.engine import StoreFailed
from extproc.ledger.allocation.dividing import (
    AllocationTerms,
    DividedServer,
    divided_servers,
    first_step_costs,
    without_gpus,
)
from extproc.ledger.allocation.reading import LASTS_US_MAX, Payer, ReadExchanges, read_exchanges
from extproc.ledger.allocation.revisions import last_revisions
from extproc.ledger.allocation.share_tables import GPU_DAYS, GPU_SHARES, GPU_SLICES
from extproc.ledger.allocation.slice_rows import SliceRow, slice_rows
from extproc.ledger.schema import ENTRIES
from extproc.ledger.slots import insert_into
from extproc.ledger.store import LedgerStore

_ROWS_AT_ONCE: Final = 1_000
_TRIES_MAX: Final = 4
_NONE: Final[Mapping[str, int]] = MappingProxyType({})


class DayResult(NamedTuple):
    """Of one day.

    Attributes:
        exchanges: that ran in it; None: nothing is new, so they were not read.
        new, revised: slices that were written.
        unknown: exchanges of servers whose GPUs are not known, by address; empty: the server is not known either.
    """

    begin_us: int
    exchanges: int | None = None
    new: int = 0
    revised: int = 0
    unknown: Mapping[str, int] = _NONE


def allocate_day(
    store: LedgerStore,
    terms: AllocationTerms,
    span_us: tuple[int, int],
    now_us: int,
    told: Callable[[int], None] = lambda _: None,
) -> DayResult:
    """Allocate a day, or a part of it, and store what is new in one transaction.

    Args: span_us: begin and end, on full hours. told: see ``read_exchanges``; what it raises ends this.
    Raises: StoreFailed. of files.
    """
    for _ in range(_TRIES_MAX):
        with contextlib.suppress(_Overtaken):
            return _allocated(store, terms, span_us, now_us, told)
    raise StoreFailed("others allocate the same day all the time", may_pass=True)


class _Overtaken(Exception):
    """Another process wrote slices of the day meanwhile, perhaps by newer entries."""


def _allocated(
    store: LedgerStore, terms: AllocationTerms, span_us: tuple[int, int], now_us: int, told: Callable[[int], None]
) -> DayResult:
    """Raises: StoreFailed, _Overtaken: nothing was written."""
    begin_us, end_us = span_us
    with store.reading() as connection:
        entries = _count_entries(connection, span_us)
        if terms.files is None and _is_done(connection, terms.method, span_us, entries):
            return DayResult(begin_us)
        known = last_slice_rows(connection, terms.method, span_us)
        read = _read(connection, terms, span_us, told)
        divided = divided_servers(connection, terms, span_us, read, first_step_costs(known.values()))
        found = list(_changed(divided, read, known))
    counts = {name: without_gpus(one, terms.server_of(name)) for name, one in read.servers.items()}
    unknown = {name: count for name, count in counts.items() if count}
    written = {"method": terms.method, "allocated_at_us": now_us}
    with store.writing() as connection:
        done = {"begin_us": begin_us, "method": terms.method, "end_us": end_us, "entries": entries}
        statement = insert_into(connection, GPU_DAYS).values(done)  # first: until its end others wait for this row
        connection.execute(statement.on_conflict_do_update(index_elements=["begin_us", "method"], set_=done))
        if last_revisions(connection, terms.method, *span_us) != {slot: one["revision"] for slot, one in known.items()}:
            raise _Overtaken
        _write(connection, [(row, written | of_row) for row, of_row in found])
    revised = sum(of_row["revision"] > 1 for _, of_row in found)
    exchanges = sum(len(one.payer) for one in read.servers.values())
    return DayResult(begin_us, exchanges, len(found) - revised, revised, unknown)


def _read(
    connection: Connection, terms: AllocationTerms, span_us: tuple[int, int], told: Callable[[int], None]
) -> ReadExchanges[Payer]:
    if terms.files is None:
        return read_exchanges(connection, *span_us, told)
    from extproc.ledger.allocation.parquet_reading import read_exchanges_of_files  # with pyarrow

    return read_exchanges_of_files(terms.files, *span_us, told)


def _changed(
    divided: Iterable[DividedServer], read: ReadExchanges[Payer], known: Mapping[tuple[int, str], RowMapping]
) -> Iterator[tuple[SliceRow, dict[str, Any]]]:
    """Slices that come out otherwise than they are stored, each with its server and revision."""
    for one in divided:
        for row in slice_rows(one.exchanges, read.payers, one.slices, one.allocated, one.costs):
            kind = one.server.at(row.values["begin_us"]).kind or one.server.kind
            row.values.update(server=one.name, kind=kind, currency=one.server.currency)
            last = known.get((row.values["begin_us"], one.name))
            if last is None or any(last[column] != value for column, value in row.values.items()):
                yield row, {"server": one.name, "revision": 1 if last is None else last["revision"] + 1}


def last_slice_rows(connection: Connection, method: str, span_us: tuple[int, int]) -> dict[tuple[int, str], RowMapping]:
    """Of some time, the last revision of each slice, by its begin and server. Raises: StoreFailed."""
    columns = GPU_SLICES.c
    query = select(GPU_SLICES).where(
        columns.begin_us >= span_us[0], columns.begin_us < span_us[1], columns.method == method
    )
    rows = connection.execute(query.order_by(columns.revision)).mappings()
    return {(row["begin_us"], row["server"]): row for row in rows}


def _is_done(connection: Connection, method: str, span_us: tuple[int, int], entries: int) -> bool:
    """Whether it was allocated, and the ledger has nothing new of it.

    They are counted: of several who store entries, one may store a lower number after a higher one.
    """
    days = GPU_DAYS.c
    query = select(days.entries).where(days.begin_us == span_us[0], days.method == method, days.end_us >= span_us[1])
    before = connection.execute(query).scalar_one_or_none()
    return before is not None and entries <= before


def _count_entries(connection: Connection, span_us: tuple[int, int]) -> int:
    columns = ENTRIES.c
    query = select(func.count()).where(
        columns.started_at_us >= span_us[0] - LASTS_US_MAX,
        columns.started_at_us < span_us[1],
        columns.ended_at_us > span_us[0],
    )
    return connection.execute(query).scalar_one()


def _write(connection: Connection, found: Sequence[tuple[SliceRow, dict[str, Any]]]) -> None:
    slices = [row.values | of_row for row, of_row in found]
    of_shares = ("server", "method", "revision")
    shares = [
        share | {name: of_row[name] for name in of_shares} | {"begin_us": row.values["begin_us"]}
        for row, of_row in found
        for share in row.shares
    ]
    for table, rows in ((GPU_SLICES, slices), (GPU_SHARES, shares)):
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            connection.execute(insert(table), rows[first : first + _ROWS_AT_ONCE])
