"""One database: SQLite in a file, or PostgreSQL; several processes may share it.

Every transaction waits at most some seconds for others. Errors are reported without the values involved.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from extproc.database.files import OpenToOthers, closed_to_others

SQLITE_PREFIX = "sqlite:///"
WAIT_SECONDS_MAX = 5
_RETRY_SECONDS = 0.02
_REASON_CHARS_MAX = 200
_READS = {"reads_only": True}


class StoreFailed(Exception):
    """A store operation failed; ``may_pass``: a retry may succeed. The message holds no user text."""

    def __init__(self, reason: str, may_pass: bool) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


class SchemaTooNew(Exception):
    """A newer release changed the tables so that this one must not use them; the message says which schema was found,
    and which is known.
    """


_GENERATION = 1_000


def check_schema(found: int, known: int) -> None:
    """Refuse tables of a newer release, unless this one may use them: while versions are replaced one by one, and after
    the way back.

    Within a thousand numbers a migration only adds: tables, and columns that an older release may leave out. One that
    takes away or gives another meaning begins the next thousand.

    Args: found: the schema of the tables, known: the newest of this release.
    Raises: SchemaTooNew.
    """
    if found // _GENERATION > known // _GENERATION:
        raise SchemaTooNew(
            f"its schema is {found}, of a newer release, and this release uses schemas up to"
            f" {(known // _GENERATION + 1) * _GENERATION - 1}"
        )


class Database:
    """One connection pool, with the tables created or migrated. ``warnings`` are for the caller.

    Args:
        url: sqlite:///PATH or postgresql://..., as in the configuration.
        folder: base of a relative PATH.
        bring_up_to_date: creates or migrates the tables, in one transaction; may raise SchemaTooNew.
        creates: whether to create a missing file.
        syncs_each: whether SQLite waits for the disk at each commit; otherwise a machine without power may lose the
            last ones.
    Raises: StoreFailed, here and within every transaction.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        bring_up_to_date: Callable[[Connection], None],
        *,
        creates: bool = True,
        syncs_each: bool = False,
    ) -> None:
        self.warnings: list[str] = []
        with _failing():
            if url.startswith(SQLITE_PREFIX):
                file = folder / url.removeprefix(SQLITE_PREFIX)
                self.warnings += closed_to_others(file, creates)
                self._engine = _sqlite(file, syncs_each)
            else:
                self._engine = _postgresql(url)
        self._reader = self._engine.execution_options(**_READS)
        try:
            with self.writing() as connection:
                bring_up_to_date(connection)
        except SchemaTooNew as error:
            self.close()
            raise StoreFailed(str(error), may_pass=False) from None
        except StoreFailed:
            self.close()
            raise

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that may write."""
        with _failing(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads only."""
        with _failing(), self._reader.begin() as connection:
            yield connection


def _sqlite(file: Path, syncs_each: bool) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(file)), connect_args={"timeout": WAIT_SECONDS_MAX}, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # we control transactions, not the driver
        _execute_when_free(connection, "PRAGMA journal_mode = WAL")  # readers do not wait for the writer
        connection.execute(f"PRAGMA synchronous = {'FULL' if syncs_each else 'NORMAL'}")
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
