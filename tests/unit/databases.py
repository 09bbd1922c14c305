"""Databases to test with: every behavior of a store holds on SQLite and on PostgreSQL.

A PostgreSQL server is the tests' own: in a temporary folder, on a Unix socket there, gone when they end. One serves all
tests of a process (``conftest.postgres``), each with a database of its own. Tables are made once and then copied: to
make them takes longer than most tests do.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import pwd
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import Engine, StaticPool, create_engine

from extproc.database.engine import SQLITE_PREFIX
from extproc.ledger.store import LedgerStore
from tests.bench.processes import children_of

DATABASES = ("sqlite", "postgresql")
Make = Callable[[str], None]
"""Makes the tables of a store at an address, as its first start does."""
_USER = "postgres"
_INSTALLED = Path("/usr/lib/postgresql")


class Server:
    """A running server. ``folder`` holds its socket and its data."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self.folder = folder
        self._numbers = itertools.count(1)
        self._made: dict[Make, str] = {}

    def new_database(self, make: Make | None = None) -> str:
        """The URL of a database that is empty, or has the tables that ``make`` made once."""
        if make is None:
            return self._address(self._created("template1"))
        if make not in self._made:
            name = self._created("template1")
            make(self._address(name))
            self._made[make] = name
        return self._address(self._created(self._made[make]))

    def _created(self, template: str) -> str:
        name = f"tests_{next(self._numbers)}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def cpu_s(self) -> float:
        """User and system time of the server, with every connection that it has had and has. [s]"""
        first = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        stats = (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in (first, *children_of(first))
        )
        ticks = sum(int(ticks) for fields in stats for ticks in fields[11:15])
        return ticks / os.sysconf("SC_CLK_TCK")

    def _address(self, database: str) -> str:
        return f"postgresql://{_USER}@/{database}?host={quote(str(self.folder), safe='')}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        # No TCP; nothing is worth a wait for the disk here.
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off"
        self._control("start", "-o", options, "-l", str(self.folder / "log"))

    def stop(self) -> None:
        """Stop, cutting every connection."""
        self._control("stop", "-m", "immediate")

    def create(self) -> None:
        """Make the data folder."""
        self._run("initdb", "-D", str(self.folder / "data"), "-U", _USER, "-A", "trust", "--no-sync")

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-t", "60", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of its programs, which refuse to be run by root."""
        other = {"user": _USER, "group": _USER, "extra_groups": []} if os.geteuid() == 0 else {}
        ended = subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the server keeps it open
            stderr=subprocess.DEVNULL,
            check=False,
            **other,  # type: ignore[call-overload]
        )
        assert ended.returncode == 0, f"{program} ended with {ended.returncode}: {self._log()}"

    def _log(self) -> str:
        with contextlib.suppress(OSError):
            return (self.folder / "log").read_text()[-2_000:]
        return "no log"


def _programs() -> Path | None:
    """Where the newest installed server's programs are."""
    found = sorted(_INSTALLED.glob("*/bin/initdb"), key=lambda file: int(file.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _user_is_known() -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwnam(_USER))
    return False


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """A server, with an empty cluster of its own. Skips the test where none is installed, but not in CI."""
    programs = _programs()
    if programs is None or (os.geteuid() == 0 and not _user_is_known()):
        reason = "PostgreSQL is not installed (on Debian: apt-get install postgresql)"
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="pg-") as name:  # short: the path of a socket has little room
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, _USER, _USER)
        server = Server(programs, folder)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()


@functools.cache
def _made_file(make: Make) -> bytes:
    """An SQLite file with the tables that ``make`` makes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "store.db"
        make(f"{SQLITE_PREFIX}{file}")
        return file.read_bytes()


def new_file(file: Path, make: Make) -> str:
    """The URL of an SQLite file with tables."""
    file.touch(0o600)
    file.write_bytes(_made_file(make))
    return f"{SQLITE_PREFIX}{file}"


def ledger_tables(url: str) -> None:
    """Makes the tables of a ledger."""
    LedgerStore(url, Path("/")).close()


def new_ledger(folder: Path) -> LedgerStore:
    """An empty one in a new file of a folder."""
    return LedgerStore(new_file(folder / "ledger.db", ledger_tables), Path("/"))


def ledger_in_memory() -> Engine:
    """The tables of a ledger in one connection."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.connect() as connection:
        opened = connection.connection.driver_connection
        assert isinstance(opened, sqlite3.Connection)
        opened.executescript(_made_script())
    return engine


@functools.cache
def _made_script() -> str:
    """The statements of ``ledger_tables``, with the rows."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "store.db"
        new_file(file, ledger_tables)
        with contextlib.closing(sqlite3.connect(file)) as connection:
            return "\n".join(connection.iterdump())


def url_of(request: pytest.FixtureRequest, folder: Path, make: Make) -> str:
    """The address of a store with tables, for a fixture with ``DATABASES`` as its parameters."""
    if request.param == "sqlite":
        return new_file(folder / "store.db", make)
    server: Server = request.getfixturevalue("postgres")
    return server.new_database(make)


@pytest.fixture(params=DATABASES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store without tables."""
    if request.param == "sqlite":
        return f"{SQLITE_PREFIX}{tmp_path / 'store.db'}"
    server: Server = request.getfixturevalue("postgres")
    return server.new_database()
