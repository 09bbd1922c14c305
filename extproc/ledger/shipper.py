"""Ships spools to the store: segment by segment, in batches, each with the place up to which it was read.

It may be killed at any point: the place is stored with the entries, so it goes on there, and an exchange that comes
twice is stored once. What a killed processor left is recovered first. A folder whose process is gone, and of which all
is stored, is removed.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from extproc.ledger.entry import LedgerEntry
from extproc.ledger.lines import FORMAT, NoEntry, RecordReader
from extproc.ledger.recovery import recover
from extproc.ledger.segments import (
    SegmentRecord,
    fields_of,
    first_sequence_of,
    lines_behind,
    records_in,
    segment_file,
    segments_of,
)
from extproc.ledger.spool import LOCK, SpoolLock, SpoolTaken, process_folders
from extproc.ledger.store import SpoolPlace

BATCH: Final = 500
DAMAGED: Final = "damaged"
"""Folder of segments in which something could not be read."""
DAMAGED_FILES_MAX: Final = 256


class EntryStore(Protocol):
    """What the shipper needs of ``LedgerStore``."""

    def place_of(self, spool: str) -> SpoolPlace:
        """Up to where a spool is stored."""
        ...

    def add_of_spool(self, entries: list[LedgerEntry], place: SpoolPlace) -> SpoolPlace:
        """Add entries and the place, in one transaction."""
        ...


@dataclass(slots=True)
class Shipped:
    """What was done since the last call of ``take``."""

    stored: int = 0
    repeated: int = 0
    damaged: int = 0
    died: int = 0  # exchanges of killed processes
    torn_tails: int = 0
    problems: list[str] = field(default_factory=list)


class _Batch(NamedTuple):
    entries: list[LedgerEntry]
    at_byte: int  # behind them
    sequence: int  # of the last of them
    damaged: int  # among them


class Shipper:
    """Ships all folders of a spool.

    Args: root: the folder of the spool.
    """

    def __init__(self, root: Path, store: EntryStore) -> None:
        self._root = root
        self._store = store
        self._places: dict[str, SpoolPlace] = {}
        self._done = Shipped()

    def place_known(self, spool: str) -> SpoolPlace:
        """Up to where a spool is stored, as far as this process has asked."""
        return self._places.get(spool, SpoolPlace(spool))

    def take(self) -> Shipped:
        """What was done since the last call."""
        done, self._done = self._done, Shipped()
        return done

    def ship(self, ends: Callable[[], bool] = lambda: False) -> int:
        """Ship what there is. Returns: how many records were read. Raises: StoreFailed, OSError.

        Args: ends: asked between batches, whether to stop.
        """
        read = 0
        for folder in process_folders(self._root):
            if ends():
                break
            with contextlib.suppress(FileNotFoundError):  # of a process that starts, or another one's end
                read += self._ship_folder(folder, ends)
        return read

    def _ship_folder(self, folder: Path, ends: Callable[[], bool]) -> int:
        if not (folder / LOCK).exists():
            # Its process has just made it, and makes another one if it is gone; or all but the folder was removed.
            with contextlib.suppress(OSError):
                folder.rmdir()
            return 0
        try:
            lock = SpoolLock(folder)
        except SpoolTaken:
            return self._ship_segments(folder, ends, is_live=True)
        try:
            recovered = recover(folder)
            self._done.died += recovered.died
            if recovered.unreadable:
                self._tell(folder, f"{recovered.unreadable} open exchanges could not be read")
            read = self._ship_segments(folder, ends, is_live=False)
            if not ends():
                self._remove(folder)
            return read
        finally:
            lock.close()

    def _ship_segments(self, folder: Path, ends: Callable[[], bool], is_live: bool) -> int:
        read = 0
        numbers = segments_of(folder)
        if not numbers:
            return 0
        place = self._place_of(folder)
        for number in numbers:
            if ends():
                return read
            if number < place.segment:
                self._drop_segment(folder, number)
                continue
            if number > place.segment:
                place = replace(place, segment=number, at_byte=0)
            is_last = number == numbers[-1]
            before = place.sequence
            place = self._ship_segment(folder, place, ends, may_grow=is_live and is_last)
            read += place.sequence - before
        return read

    def _ship_segment(self, folder: Path, place: SpoolPlace, ends: Callable[[], bool], may_grow: bool) -> SpoolPlace:
        """Ship one segment, from the place on. Returns: the place behind it, as it is stored."""
        file = segment_file(folder, place.segment)
        if may_grow and file.stat().st_size == place.at_byte:
            return place
        content = file.read_bytes()
        for entries, at_byte, sequence, damaged in self._batches(folder, content, place, may_grow):
            before = place
            after = replace(place, at_byte=at_byte, sequence=sequence, damaged=place.damaged + damaged)
            place = self._store.add_of_spool(entries, after)
            self._note(before, place, folder)
            if ends():
                break
        return place

    def _batches(self, folder: Path, content: bytes, place: SpoolPlace, may_grow: bool) -> Iterator[_Batch]:
        """The entries behind a place, with what is damaged among them."""
        reader = self._reader_of(folder, content)
        batch = _Batch([], place.at_byte, place.sequence, 0)
        for record in records_in(content, place.at_byte, is_whole=not may_grow):
            entries, _, sequence, damaged = batch
            follows = record.sequence or _first_sequence(record)
            damaged += max(0, follows - sequence - 1)
            sequence = max(sequence, record.sequence or follows - 1)
            if record.sequence:
                try:
                    entries.append(reader.read(record.json))
                except NoEntry:
                    damaged += 1
            batch = _Batch(entries, record.end, sequence, damaged)
            if len(entries) == BATCH:
                yield batch
                batch = _Batch([], record.end, sequence, 0)
        batch = self._with_rest(folder, content, batch, may_grow)
        if batch.at_byte > place.at_byte:
            yield batch

    def _with_rest(self, folder: Path, content: bytes, batch: _Batch, may_grow: bool) -> _Batch:
        """What follows the last record that could be read."""
        lines, end = lines_behind(content, batch.at_byte)
        if may_grow:  # the next record will tell how many are missing
            return batch._replace(at_byte=end)
        if end < len(content):
            self._done.torn_tails += 1
            self._tell(folder, "a segment ends with half a record")
        return batch._replace(at_byte=len(content), sequence=batch.sequence + lines, damaged=batch.damaged + lines)

    def _reader_of(self, folder: Path, content: bytes) -> RecordReader:
        """By the names at the head of the segment; those of this release if it is damaged."""
        for record in records_in(content):
            if record.sequence:
                break
            with contextlib.suppress(KeyError, TypeError, ValueError):
                names = fields_of(record)
                if names is not None and names.format > FORMAT:
                    self._tell(folder, "a newer release wrote it; what this one does not know is left out")
                if names is not None:
                    return RecordReader(names.begin, names.end)
        return RecordReader()

    def _note(self, before: SpoolPlace, after: SpoolPlace, folder: Path) -> None:
        self._places[folder.name] = after
        self._done.stored += after.entries - before.entries
        self._done.repeated += after.repeated - before.repeated
        if after.damaged > before.damaged:
            damaged = after.damaged - before.damaged
            self._done.damaged += damaged
            self._tell(folder, f"segment {after.segment} has {damaged} damaged records")
            self._keep_damaged(folder, after.segment)

    def _keep_damaged(self, folder: Path, number: int) -> None:
        """Keep a copy of a segment in which something could not be read."""
        kept = self._root / DAMAGED
        kept.mkdir(mode=0o700, exist_ok=True)
        if len(list(kept.iterdir())) < DAMAGED_FILES_MAX:
            shutil.copyfile(segment_file(folder, number), kept / f"{folder.name}-{number:010d}.seg")

    def _place_of(self, folder: Path) -> SpoolPlace:
        place = self._places.get(folder.name)
        if place is None:
            place = self._places[folder.name] = self._store.place_of(folder.name)
        return place

    def _drop_segment(self, folder: Path, number: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            segment_file(folder, number).unlink()

    def _remove(self, folder: Path) -> None:
        """Of a process that is gone, and all of it is stored. The lock goes last."""
        for number in segments_of(folder):
            self._drop_segment(folder, number)
        for file in sorted(folder.iterdir(), key=lambda one: one.name == LOCK):
            file.unlink()
        folder.rmdir()
        self._places.pop(folder.name, None)

    def _tell(self, folder: Path, problem: str) -> None:
        self._done.problems.append(f"{folder.name}: {problem}")


def _first_sequence(head: SegmentRecord) -> int:
    try:
        return first_sequence_of(head)
    except (KeyError, TypeError, ValueError):
        return 0


def oldest_unshipped_s(root: Path, place_of: Callable[[str], SpoolPlace], now_s: float) -> float:
    """How long ago the oldest exchange ended that is not stored; 0 if there is none. [s]

    Args: now_s: since 1970.
    """
    ages = [0.0]
    for folder in process_folders(root):
        with contextlib.suppress(OSError):
            ages.append(_age_s(folder, place_of(folder.name), now_s))
    return max(ages)


def _age_s(folder: Path, place: SpoolPlace, now_s: float) -> float:
    for number in segments_of(folder):
        if number < place.segment:
            continue
        content = segment_file(folder, number).read_bytes()
        for record in records_in(content, place.at_byte if number == place.segment else 0):
            if record.sequence:
                with contextlib.suppress(NoEntry):
                    return max(0.0, now_s - RecordReader().read(record.json).ended_at_us / 1_000_000)
    return 0.0
