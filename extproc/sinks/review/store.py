"""The store of the review queue: SQLite in a file, or PostgreSQL; several processes may share it.

Every method is one short transaction, and waits at most some seconds for others. Errors are reported without the texts
involved.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Row,
    Select,
    and_,
    create_engine,
    delete,
    event,
    func,
    insert,
    make_url,
    or_,
    select,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from extproc.sinks.review.entries import (
    Entry,
    FindingQuery,
    GuardCounts,
    ImportCounts,
    ImportedLabel,
    Label,
    Names,
    ReviewLabel,
    ScoreCount,
    Stored,
)
from extproc.sinks.review.files import OpenToOthers, closed_to_others
from extproc.sinks.review.imports import import_labels
from extproc.sinks.review.labels import (
    NoSuchFinding,
    add_label_if_none,
    add_labels,
    labels_of,
    take_back_label,
)
from extproc.sinks.review.schema import FINDINGS, StoreTooNew, bring_up_to_date

SQLITE_PREFIX = "sqlite:///"
WAIT_SECONDS_MAX = 5
_RETRY_SECONDS = 0.02
GUARDS_MAX = 1_000  # names in the store come from configurations, so there are few
NAMES_MAX = 1_000  # those of teams may come from clients
_DAY_MS = 86_400_000
_REASON_CHARS_MAX = 200
_READS = {"reads_only": True}
_ENTRY_COLUMNS = tuple(field.name for field in fields(Entry))
_VERDICTS = tuple(verdict.value for verdict in ReviewLabel)


class StoreFailed(Exception):
    """A store operation failed; ``may_pass``: a retry may succeed. The message holds no user text."""

    def __init__(self, reason: str, may_pass: bool) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


class Store:
    """One connection pool, with the tables created or migrated. ``warnings`` are for the caller.

    Args:
        url: sqlite:///PATH or postgresql://..., as in the configuration.
        folder: base of a relative PATH.
        creates: whether to create a missing file.
    Raises: StoreFailed, here and in every method.
    """

    def __init__(self, url: str, folder: Path, *, creates: bool = True) -> None:
        self.warnings: list[str] = []
        with _failing():
            if url.startswith(SQLITE_PREFIX):
                file = folder / url.removeprefix(SQLITE_PREFIX)
                self.warnings += closed_to_others(file, creates)
                self._engine = _sqlite(file)
            else:
                self._engine = _postgresql(url)
        self._reader = self._engine.execution_options(**_READS)
        try:
            with self._writing() as connection:
                bring_up_to_date(connection)
        except StoreTooNew as error:
            self.close()
            raise StoreFailed(str(error), may_pass=False) from None
        except StoreFailed:
            self.close()
            raise

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    # --- findings --------------------------------------------------------------------------------------------------

    def add(self, entries: Sequence[Entry]) -> None:
        """Add findings, all or none."""
        with self._writing() as connection:
            connection.execute(insert(FINDINGS), [asdict(entry) for entry in entries])

    def prune(self, now_ms: int, rows_max: int, days_max: int) -> int:
        """Delete findings beyond their age, then beyond the limit: oldest first, those without a label first. Returns
        how many.
        """
        with self._writing() as connection:
            old = connection.execute(delete(FINDINGS).where(FINDINGS.c.seen_at_ms < now_ms - days_max * _DAY_MS))
            excess = connection.execute(select(func.count()).select_from(FINDINGS)).scalar_one() - rows_max
            if excess <= 0:
                return old.rowcount
            last = FINDINGS.c.verdict.is_not(None), FINDINGS.c.id
            chosen = select(FINDINGS.c.id).order_by(*last).limit(excess)
            many = connection.execute(delete(FINDINGS).where(FINDINGS.c.id.in_(chosen)))
            return old.rowcount + many.rowcount

    def find(self, wanted: FindingQuery, limit: int) -> list[Stored]:
        """The newest findings that match a query, newest first."""
        query = _chosen(select(FINDINGS), wanted).order_by(FINDINGS.c.id.desc()).limit(limit)
        with self._reading() as connection:
            return [_stored(row) for row in connection.execute(query)]

    def find_all(self, wanted: FindingQuery, rows_at_once: int = 500) -> Iterator[tuple[Stored, Label | None]]:
        """All findings that match a query, with their last labels, oldest first; read in batches, each as
        of its time.
        """
        last_id = 0
        while True:
            query = _chosen(select(FINDINGS), wanted).where(FINDINGS.c.id > last_id)
            with self._reading() as connection:
                part = [_stored(row) for row in connection.execute(query.order_by(FINDINGS.c.id).limit(rows_at_once))]
                labels = labels_of(connection, [stored.id for stored in part])
            for stored in part:
                said = labels.get(stored.id)
                yield stored, said[-1] if said else None
            if len(part) < rows_at_once:
                return
            last_id = part[-1].id

    def get(self, finding_id: int) -> tuple[Stored, list[Label]]:
        """One finding and all its labels, oldest first. Raises: NoSuchFinding."""
        with self._reading() as connection:
            row = connection.execute(select(FINDINGS).where(FINDINGS.c.id == finding_id)).one_or_none()
            if row is None:
                raise NoSuchFinding([finding_id])
            return _stored(row), labels_of(connection, [finding_id]).get(finding_id, [])

    def numbers(self, wanted: FindingQuery) -> list[int]:
        """The numbers of all findings that match a query, in order."""
        with self._reading() as connection:
            return list(connection.execute(_chosen(select(FINDINGS.c.id), wanted).order_by(FINDINGS.c.id)).scalars())

    def names(self) -> Names:
        """The guards, teams and versions of the findings."""
        with self._reading() as connection:
            some = {
                column: list(connection.execute(select(column).distinct().limit(NAMES_MAX)).scalars())
                for column in (FINDINGS.c.guard, FINDINGS.c.team)
            }
            both = connection.execute(select(FINDINGS.c.model, FINDINGS.c.version).distinct().limit(NAMES_MAX))
            versions = [f"{model}/{version}" for model, version in both if version]
        guards, teams = some.values()
        return Names(frozenset(guards), frozenset(teams), frozenset(versions))

    def scores(self, wanted: FindingQuery) -> list[ScoreCount]:
        """How many findings that match a query have which score and label, by score."""
        columns = FINDINGS.c.score, FINDINGS.c.verdict
        query = _chosen(select(*columns, func.count()), wanted).group_by(*columns).order_by(*columns)
        with self._reading() as connection:
            return [
                ScoreCount(score, ReviewLabel(verdict) if verdict else None, number)
                for score, verdict, number in connection.execute(query)
            ]

    # --- labels ----------------------------------------------------------------------------------------------------

    def label(self, finding_id: int, label: Label) -> None:
        """Add a label; the last one counts, earlier ones are kept. Raises: NoSuchFinding."""
        self.label_all({finding_id: label})

    def label_all(self, labels: Mapping[int, Label]) -> None:
        """Add a label to each of these findings, or none. Raises: NoSuchFinding with all that are not there."""
        if labels:
            with self._writing() as connection:
                add_labels(connection, labels)

    def label_waiting(self, finding_id: int, label: Label) -> Label | None:
        """Label a finding if nobody has. Returns: the label that it has already. Raises: NoSuchFinding."""
        with self._writing() as connection:
            return add_label_if_none(connection, finding_id, label)

    def take_back(self, finding_id: int, label: Label) -> Label | None:
        """Remove a label that is the finding's last. Returns: another label that is, which stays. Raises:
        NoSuchFinding.
        """
        with self._writing() as connection:
            return take_back_label(connection, finding_id, label)

    def import_labels(self, lines: Sequence[ImportedLabel]) -> ImportCounts:
        """Add the labels of a file, all or none. Raises: NoSuchFinding, OtherFinding."""
        with self._writing() as connection:
            return import_labels(connection, lines)

    def counts(self) -> list[GuardCounts]:
        """Counts of right and wrong findings by guard."""
        columns = FINDINGS.c.guard, FINDINGS.c.verdict
        query = select(*columns, func.count()).group_by(*columns).limit(GUARDS_MAX * (len(_VERDICTS) + 1))
        with self._reading() as connection:
            counted = {(guard, verdict): number for guard, verdict, number in connection.execute(query)}
        confirmed, rejected = _VERDICTS
        return [
            GuardCounts(
                guard,
                counted.get((guard, confirmed), 0),
                counted.get((guard, rejected), 0),
                counted.get((guard, None), 0),
            )
            for guard in sorted({guard for guard, _ in counted})
        ]

    # --- transactions ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        with _failing(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        with _failing(), self._reader.begin() as connection:
            yield connection


def _sqlite(file: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(file)), connect_args={"timeout": WAIT_SECONDS_MAX}, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # we control transactions, not the driver
        _execute_when_free(connection, "PRAGMA journal_mode = WAL")  # readers do not wait for the writer
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # overwrite deleted data

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reads_only = connection.get_execution_options().get("reads_only", False)
        # a transaction that upgrades from read to write may fail to get the lock
        _execute_when_free(connection.connection.dbapi_connection, "BEGIN" if reads_only else "BEGIN IMMEDIATE")

    return engine


def _execute_when_free(connection: Any, statement: str) -> None:
    """Retry while another process opens the file first, or closes it last: SQLite does not wait for that."""
    until_s = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until_s:
                raise
            time.sleep(_RETRY_SECONDS)


def _postgresql(url: str) -> Engine:
    wait_ms = WAIT_SECONDS_MAX * 1_000
    if "@" in (make_url(url).host or ""):  # may be part of a password, and messages name the host
        raise ArgumentError
    options = f"-c statement_timeout={wait_ms} -c lock_timeout={wait_ms}"
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        connect_args={"connect_timeout": WAIT_SECONDS_MAX, "options": options, "application_name": "llm-extproc"},
        hide_parameters=True,
        max_overflow=0,
        pool_pre_ping=True,
        pool_size=1,
    )


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    """Convert any failure to StoreFailed. Only connection errors are quoted: other messages may quote a row."""
    try:
        yield
    except OpenToOthers as error:
        raise StoreFailed(str(error), may_pass=False) from None
    except OSError as error:
        raise StoreFailed(f"{error.filename}: {(error.strerror or 'input or output error').lower()}", True) from None
    except (OperationalError, InterfaceError) as error:
        raise StoreFailed(_first_line(error.orig), may_pass=True) from None
    except sqlite3.OperationalError as error:  # occurs before the library handles it: while a connection is prepared
        raise StoreFailed(_first_line(error), may_pass=True) from None
    except ArgumentError:
        reason = "the URL cannot be read; in a user and a password write `@` as `%40`, `/` as `%2F`, `:` as `%3A`"
        raise StoreFailed(reason, may_pass=False) from None
    except DBAPIError as error:
        raise StoreFailed(type(error.orig).__name__, may_pass=False) from None
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise StoreFailed(type(error).__name__, may_pass=False) from None


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:_REASON_CHARS_MAX] if lines else type(error).__name__


def _chosen(query: Select[Any], wanted: FindingQuery) -> Select[Any]:
    columns = FINDINGS.c
    conditions = []
    if wanted.guard is not None:
        conditions.append(columns.guard == wanted.guard)
    if wanted.team is not None:
        conditions.append(columns.team == wanted.team)
    if wanted.version is not None:
        full = columns.model + "/" + columns.version
        conditions.append(or_(columns.version == wanted.version, full == wanted.version))
    if wanted.labelled is not None:
        conditions.append(columns.verdict.is_not(None) if wanted.labelled else columns.verdict.is_(None))
    if wanted.exchange is not None:
        conditions.append(columns.exchange == wanted.exchange)
    if wanted.since_ms is not None:
        conditions.append(columns.seen_at_ms >= wanted.since_ms)
    return query.where(and_(True, *conditions))


def _stored(row: Row[Any]) -> Stored:
    values = row._mapping
    entry = Entry(**{name: values[name] for name in _ENTRY_COLUMNS})
    return Stored(values["id"], entry, ReviewLabel(values["verdict"]) if values["verdict"] else None)
