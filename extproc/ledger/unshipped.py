"""Reads entries that a sink has not stored yet, without a place in it: while a store does not answer, they tell what
happens.

It keeps no place: after a restart it begins again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from extproc.ledger.entry import LedgerEntry
from extproc.ledger.lines import NoEntry, RecordReader
from extproc.ledger.places import SpoolPlace
from extproc.ledger.segments import fields_of, records_in, segment_file, segments_of
from extproc.ledger.spool import process_folders

READ_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of one segment at a time."""
_HEAD_BYTES_MAX: Final = 8_192


class _Place(NamedTuple):
    segment: int
    at_byte: int
    reader: RecordReader | None


class UnshippedEntries:
    """The entries of all spools behind what is stored.

    Args:
        root: of the spool.
        place_stored: up to where a spool is stored; None: not known, and its last segment is read.
    """

    def __init__(self, root: Path, place_stored: Callable[[str], SpoolPlace | None]) -> None:
        self._root = root
        self._place_stored = place_stored
        self._places: dict[str, _Place] = {}

    def read(self) -> Iterator[LedgerEntry]:
        """Those that are new since the last call. What cannot be read is left out. Raises: OSError."""
        folders = process_folders(self._root)
        names = {folder.name for folder in folders}
        self._places = {name: place for name, place in self._places.items() if name in names}
        for folder in folders:
            with contextlib.suppress(FileNotFoundError):  # it is stored meanwhile
                yield from self._of_folder(folder)

    def _of_folder(self, folder: Path) -> Iterator[LedgerEntry]:
        numbers = segments_of(folder)
        if not numbers:
            return
        place = self._places.get(folder.name) or self._first_place(folder.name, numbers[-1])
        for number in numbers:
            if number >= place.segment:
                place = place if number == place.segment else _Place(number, 0, None)
                place, entries = _read(segment_file(folder, number), place)
                self._places[folder.name] = place
                yield from entries

    def _first_place(self, spool: str, last_segment: int) -> _Place:
        stored = self._place_stored(spool)
        return _Place(last_segment, 0, None) if stored is None else _Place(stored.segment, stored.at_byte, None)


def _read(file: Path, place: _Place) -> tuple[_Place, list[LedgerEntry]]:
    with file.open("rb") as stream:
        reader = place.reader or _reader_of(stream.read(_HEAD_BYTES_MAX))
        stream.seek(place.at_byte)
        part = stream.read(READ_BYTES_MAX)
    entries = []
    for record in records_in(part):
        if record.sequence:
            with contextlib.suppress(NoEntry):
                entries.append(reader.read(record.json))
    return _Place(place.segment, place.at_byte + part.rfind(b"\n") + 1, reader), entries


def _reader_of(content: bytes) -> RecordReader:
    """By the names at the head; those of this release if it is damaged."""
    for record in records_in(content):
        with contextlib.suppress(KeyError, TypeError, ValueError):
            names = fields_of(record)
            if names is not None:
                return RecordReader(names.begin, names.end)
        break
    return RecordReader()
