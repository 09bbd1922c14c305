"""Entries as Parquet files by day: ``FOLDER/day=2026-11-29/NAME.parquet``, each whole from the moment it has this name.

What is taken goes into unfinished files in a folder of this spool's own. When it is time, they are closed and synced,
and their names and the new places are noted (``PlacesFile``): from then on they are entries. Then they are renamed, and
the places count. A sink that is opened after a crash finishes the renames that were noted, and drops all that was not
noted: the spool still has it. A name holds the spool and the number of the record behind which the file begins, so no
two files of any machine have the same.

An exchange may come twice, where a processor or its disk failed in mid-write; the second record is near the first, so
the ids of the last ones are remembered.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from pyarrow import ArrowException

from extproc.config.ledger import ParquetFiles
from extproc.ledger.entry import LedgerEntry
from extproc.ledger.entry_sink import SinkFailed
from extproc.ledger.parquet_file import ROWS_AT_ONCE, ParquetFile
from extproc.ledger.places import PlacesFile, SpoolPlace, sync_folder

NAME: Final = "parquet"
UNFINISHED: Final = ".unfinished"
"""Readers of Parquet leave out folders with a dot; the files in it do not end in `.parquet` either."""
RECENT_MAX: Final = 2_048
"""Exchanges of a spool that are remembered: two batches of the thread that writes it."""
DAYS_MAX: Final = 8
"""Unfinished files; exchanges of more days are stored at once."""


class _Day:
    """The unfinished file of a day, and rows that are not in it yet."""

    def __init__(self, file: Path, name: str) -> None:
        self.name = name
        self._file = file
        self._rows: list[LedgerEntry] = []
        self._opened: ParquetFile | None = None

    def add(self, entry: LedgerEntry) -> None:
        self._rows.append(entry)
        if len(self._rows) == ROWS_AT_ONCE:
            self._write()

    def finish(self) -> None:
        with self._write():
            pass

    def _write(self) -> ParquetFile:
        if self._opened is None:
            self._opened = ParquetFile(self._file)
        self._opened.write(self._rows)
        self._rows = []
        return self._opened


class _Move(NamedTuple):
    """A file that gets its name."""

    day: str
    name: str


class ParquetSink:
    """An ``EntrySink``. For one thread of one process at a time: the one that ships the spool.

    Args:
        folder: base of a relative ``terms.folder``.
        root: the folder of the spool.
    """

    entries_max = 500

    def __init__(
        self, terms: ParquetFiles, folder: Path, root: Path, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Raises: SinkFailed."""
        self._terms = terms
        self._folder = folder / terms.folder
        self._clock_s = clock_s
        self._noted = PlacesFile(root, NAME)
        saved = self._noted.load()
        self._noted_recent: dict[str, list[str]] = saved.get("recent", {})
        self._writer: str = saved.get("writer") or secrets.token_hex(6)
        if "writer" not in saved:  # before it is used: nobody else will clean up in its name
            self._save({}, {})
        self._unfinished = self._folder / UNFINISHED / self._writer
        with _failing(self._folder):
            if "then" in saved:
                self._go_on(saved["then"])
            shutil.rmtree(self._unfinished, ignore_errors=True)
            self._unfinished.mkdir(parents=True)
        self._begin()

    def _begin(self) -> None:
        self._days: dict[str, _Day] = {}
        self._places = dict(self._noted.places)
        self._recent = {spool: dict.fromkeys(ids) for spool, ids in self._noted_recent.items()}
        self._rows = 0
        self._since_s: float | None = None
        self._noted_moves = False

    def place_of(self, spool: str) -> SpoolPlace:
        """Up to where a spool is stored."""
        return self._noted.place_of(spool)

    def add_of_spool(self, entries: list[LedgerEntry], place: SpoolPlace) -> SpoolPlace:
        """Take entries. Raises: SinkFailed."""
        before = self._places.get(place.spool) or self.place_of(place.spool)
        recent = self._recent.setdefault(place.spool, {})
        new = []
        for entry in entries:
            if entry.exchange not in recent:
                recent[entry.exchange] = None
                new.append(entry)
        with _failing(self._unfinished):
            for entry in new:
                self._day(entry, f"{place.spool}-{before.sequence:010d}.parquet").add(entry)
        for exchange in list(recent)[: max(0, len(recent) - RECENT_MAX)]:
            del recent[exchange]
        self._rows += len(new)
        self._since_s = self._clock_s() if self._since_s is None else self._since_s
        counted = replace(place, entries=place.entries + len(new), repeated=place.repeated + len(entries) - len(new))
        self._places[place.spool] = counted
        return counted

    def settle(self, now: bool) -> bool:
        """Finish the files, if it is time. Raises: SinkFailed."""
        if self._since_s is None:
            return True
        is_old = self._clock_s() - self._since_s >= self._terms.every_s
        if not (now or is_old or self._rows >= self._terms.rows_max or len(self._days) > DAYS_MAX):
            return False
        places = self._noted.kept(self._places)
        recent = {spool: list(ids) for spool, ids in self._recent.items() if spool in places}
        moves = [_Move(day, one.name) for day, one in self._days.items()]
        if moves:
            with _failing(self._unfinished):
                for one in self._days.values():
                    one.finish()
                sync_folder(self._unfinished)
            then = {"places": [asdict(one) for one in places.values()], "recent": recent}
            then["moves"] = [list(one) for one in moves]  # orjson takes no named tuple
            self._noted_moves = True
            self._save(self._noted.places, self._noted_recent, then=then)
            with _failing(self._folder):
                self._move(moves)
        self._save(places, recent)
        self._begin()
        return True

    def take_refused(self) -> int:
        """It takes every entry that can be read."""
        return 0

    def close(self) -> None:
        """Drop what is unfinished, unless it was noted."""
        if not self._noted_moves:
            shutil.rmtree(self._unfinished, ignore_errors=True)

    def _day(self, entry: LedgerEntry, name: str) -> _Day:
        day = entry.day.isoformat()
        if day not in self._days:
            self._days[day] = _Day(self._unfinished_file(_Move(day, name)), name)
        return self._days[day]

    def _unfinished_file(self, move: _Move) -> Path:
        return self._unfinished / f"{move.day}+{move.name}{UNFINISHED}"

    def _finished_file(self, move: _Move) -> Path:
        return self._folder / f"day={move.day}" / move.name

    def _go_on(self, then: dict[str, Any]) -> None:
        """After a crash between what was noted and what was done. Raises: OSError, SinkFailed."""
        moves = [_Move(*one) for one in then["moves"]]
        if all(self._unfinished_file(one).exists() or self._finished_file(one).exists() for one in moves):
            self._move(moves)
            self._save({one["spool"]: SpoolPlace(**one) for one in then["places"]}, then["recent"])
        else:  # somebody has removed a file: all of them are written again
            for one in moves:
                self._finished_file(one).unlink(missing_ok=True)
            self._save(self._noted.places, self._noted_recent)

    def _move(self, moves: Sequence[_Move]) -> None:
        """Give the files their names. May be repeated. Raises: OSError."""
        for one in moves:
            target = self._finished_file(one)
            target.parent.mkdir(exist_ok=True)
            with suppress(FileNotFoundError):  # it has its name
                self._unfinished_file(one).replace(target)
            sync_folder(target.parent)
        sync_folder(self._folder)

    def _save(self, places: dict[str, SpoolPlace], recent: dict[str, list[str]], **more: Any) -> None:
        self._noted.save(places, writer=self._writer, recent=recent, **more)
        self._noted_recent = recent


@contextmanager
def _failing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SinkFailed.of(error, Path(error.filename or path)) from None
    except ArrowException as error:
        raise SinkFailed(f"{path}: pyarrow fails ({type(error).__name__})") from None
