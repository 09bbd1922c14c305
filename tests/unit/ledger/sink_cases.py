"""Every kind of sink, for the laws that all of them keep: how it is opened, and what it holds for its readers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from pyarrow import parquet
from sqlalchemy import select

from extproc.config.ledger import CloudEvents, ParquetFiles
from extproc.ledger.cloud_events_sink import CloudEventsSink
from extproc.ledger.entry_sink import EntrySink
from extproc.ledger.parquet_sink import ParquetSink
from extproc.ledger.schema import ENTRIES
from extproc.ledger.store import LedgerStore
from tests.unit.ledger.receiver import TOKEN, Receiver, receiving


class Target(Protocol):
    """Where one sink brings entries."""

    def opened(self, root: Path) -> EntrySink:
        """The sink, for a spool."""
        ...

    def held(self) -> list[str]:
        """The exchanges that a reader finds, sorted; one that is there twice stands twice."""
        ...


class Database:
    """A SQLite file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def opened(self, root: Path) -> EntrySink:
        """A store."""
        return LedgerStore("sqlite:///ledger.db", self._folder)

    def held(self) -> list[str]:
        """Rows."""
        store = LedgerStore("sqlite:///ledger.db", self._folder)
        rows = store.rows(select(ENTRIES.c.exchange))
        store.close()
        return sorted(row["exchange"] for row in rows)


class Parquet:
    """A folder of files. ``every_s`` is long: files are written where a test says so."""

    def __init__(self, folder: Path, rows_max: int = 500) -> None:
        self.folder = folder / "entries"
        self._rows_max = rows_max

    def opened(self, root: Path) -> ParquetSink:
        """A sink."""
        return ParquetSink(ParquetFiles(folder="entries", rows_max=self._rows_max), self.folder.parent, root)

    def files(self) -> list[Path]:
        """What readers see."""
        return sorted(self.folder.glob("day=*/*.parquet"))

    def held(self) -> list[str]:
        """Rows; each file must be whole."""
        return sorted(one for file in self.files() for one in parquet.read_table(file)["exchange"].to_pylist())


class Events:
    """A receiver of CloudEvents that runs, one event for each exchange."""

    def __init__(self, folder: Path, receiver: Receiver, **terms: Any) -> None:
        self.folder = folder
        self.receiver = receiver
        self.terms = {"url_file": "url", "token_file": "token", "one_per": "exchange", **terms}
        folder.mkdir(exist_ok=True)
        (folder / "token").write_text(f"{TOKEN}\n")
        (folder / "url").write_text(f"{receiver.url}\n")

    def opened(self, root: Path) -> CloudEventsSink:
        """A sink."""
        return CloudEventsSink(CloudEvents.model_validate(self.terms), self.folder, root)

    def held(self) -> list[str]:
        """Events; those that came again are the same."""
        return sorted(event_id for _, event_id in self.receiver.events)


@contextmanager
def cloud_events(folder: Path) -> Iterator[Target]:
    """``ledger.cloud_events``."""
    with receiving(Receiver()) as receiver:
        yield Events(folder, receiver, batch_max=3)


@contextmanager
def database(folder: Path) -> Iterator[Target]:
    """The one that every ledger has."""
    yield Database(folder)


@contextmanager
def parquet_files(folder: Path) -> Iterator[Target]:
    """``ledger.parquet``."""
    yield Parquet(folder)


TARGETS = {"database": database, "parquet": parquet_files, "cloud_events": cloud_events}
"""By the name of the sink."""
