"""Allocates the time of servers, day by day, and stores what is new.

A day that was allocated is read again only if the ledger has entries since that ran in it. A slice that comes out as it
was stays; another one gets a revision, by the step costs of its first one.

Two processes may allocate one day at once: who writes second finds what the first one wrote, and begins again. So no
slice has a revision twice, and none is written by what is older.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, RowMapping, func, insert, select

from extproc.allocation.allocate import allocate
from extproc.allocation.counted_steps import counted_steps
from extproc.allocation.running import SeenExchanges, running
from extproc.allocation.server_samples import ServerSamples
from extproc.allocation.server_time import ServerLife
from extproc.allocation.slices import GpuTerms, slices_between
from extproc.allocation.speculation import computed_tokens
from extproc.allocation.step_costs import StepCosts
from extproc.allocation.unexplained import unexplained_work
from extproc.database.engine import StoreFailed
from extproc.ledger.allocation.reading import LASTS_US_MAX, ReadExchanges, ServerExchanges, read_exchanges
from extproc.ledger.allocation.revisions import last_revisions
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.allocation.share_tables import GPU_DAYS, GPU_SHARES, GPU_SLICES
from extproc.ledger.allocation.slice_rows import NOBODY, SliceRow, slice_rows
from extproc.ledger.schema import ENTRIES
from extproc.ledger.slots import insert_into
from extproc.ledger.store import LedgerStore

_ROWS_AT_ONCE: Final = 1_000
_TRIES_MAX: Final = 4
_AROUND_US: Final = 3_600_000_000
"""Samples are read so far around a day: an exchange over its border runs alike on both sides."""
_NONE: Final[Mapping[str, int]] = MappingProxyType({})


class ServerTerms(NamedTuple):
    """One server. ``kind``: of its GPUs, as they were last. ``terms``: rising, at least one."""

    kind: str
    currency: str
    terms: tuple[GpuTerms, ...]


class AllocationTerms(NamedTuple):
    """By what time is allocated.

    Attributes:
        method: of ``METHODS``.
        server_of: an address; None: the configuration does not have it.
        lives: of the servers that were asked between two times, by address.
        samples: what a server said of itself between two times.
        files: folder of Parquet files that are read in place of the database, whatever was allocated before.
        step_costs_of: a model and a version.
    """

    method: str
    server_of: Callable[[str], ServerTerms | None]
    lives: Callable[[Connection, int, int], Mapping[str, ServerLife]]
    samples: Callable[[Connection, str, int, int], ServerSamples]
    step_costs_of: Callable[[Connection, str, str], StepCosts]
    files: Path | None = None


class DayResult(NamedTuple):
    """Of one day.

    Attributes:
        exchanges: that ran in it; None: nothing is new, so they were not read.
        new, revised: slices that were written.
        unknown: exchanges of servers that the configuration does not have, by address; empty: not known.
    """

    begin_us: int
    exchanges: int | None = None
    new: int = 0
    revised: int = 0
    unknown: Mapping[str, int] = _NONE


def days_between(begin_us: int, end_us: int) -> Iterator[tuple[int, int]]:
    """Days of UTC, the first and last perhaps in part."""
    for day in range(begin_us // DAY_US, -(-end_us // DAY_US)):
        yield max(day * DAY_US, begin_us), min((day + 1) * DAY_US, end_us)


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
        known = _last_rows(connection, terms.method, span_us)
        read = _read(connection, terms, span_us, told)
        lives = terms.lives(connection, begin_us, end_us)
        found = list(_changed(connection, terms, span_us, read, lives, known))
    unknown = {name: len(one.payer) for name, one in read.servers.items() if terms.server_of(name) is None}
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
) -> ReadExchanges:
    if terms.files is None:
        return read_exchanges(connection, *span_us, told)
    from extproc.ledger.allocation.parquet_reading import read_exchanges_of_files  # with pyarrow

    return read_exchanges_of_files(terms.files, *span_us, told)


def _changed(
    connection: Connection,
    terms: AllocationTerms,
    span_us: tuple[int, int],
    read: ReadExchanges,
    lives: Mapping[str, ServerLife],
    known: Mapping[tuple[int, str], RowMapping],
) -> Iterator[tuple[SliceRow, dict[str, Any]]]:
    """Slices that come out otherwise than they are stored, each with its server and revision."""
    for name in sorted({*read.servers, *lives}):
        server = terms.server_of(name)
        if server is None:
            continue
        slices = slices_between(*span_us, server.terms)
        exchanges = read.servers.get(name, NO_EXCHANGES)
        before = [one for (_, of_server), one in known.items() if of_server == name]
        costs = _stored_costs(before) or _costs_of(connection, terms, read, exchanges)
        samples = terms.samples(connection, name, span_us[0] - _AROUND_US, span_us[1] + _AROUND_US)
        exchanges = exchanges.computing(computed_tokens(samples))
        counted = counted_steps(samples)
        served = running(exchanges.seen, costs, counted).served
        missing = unexplained_work(samples, served, slices.borders_us, costs)
        exchanges = exchanges.with_work_of(missing, NOBODY)
        life = lives.get(name, ServerLife.unknown())
        allocated = allocate(exchanges.seen, life, slices, costs, terms.method, counted)
        for row in slice_rows(exchanges, read.payers, slices, allocated, costs):
            row.values.update(server=name, kind=server.kind, currency=server.currency)
            last = known.get((row.values["begin_us"], name))
            if last is None or any(last[column] != value for column, value in row.values.items()):
                yield row, {"server": name, "revision": 1 if last is None else last["revision"] + 1}


_NO: Final = np.zeros(0, dtype=np.int64)
NO_EXCHANGES: Final = ServerExchanges(SeenExchanges(_NO, _NO, _NO, _NO, _NO, _NO, _NO, _NO, np.zeros(0)), _NO)


def _stored_costs(before: Sequence[RowMapping]) -> StepCosts | None:
    return StepCosts(*json.loads(before[0]["step_costs"])) if before else None


def _costs_of(
    connection: Connection, terms: AllocationTerms, read: ReadExchanges, exchanges: ServerExchanges
) -> StepCosts:
    """Of the version that has most exchanges there."""
    counts = Counter(exchanges.payer.tolist())
    payer = read.payers[counts.most_common(1)[0][0]] if counts else None
    return terms.step_costs_of(connection, "" if payer is None else payer.model, "" if payer is None else payer.version)


def _last_rows(connection: Connection, method: str, span_us: tuple[int, int]) -> dict[tuple[int, str], RowMapping]:
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
