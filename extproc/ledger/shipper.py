"""Ships spools to a sink: segment by segment, in batches, each with the place up to which it was read.

It may be killed at any point: the sink stores the place with the entries, so it goes on there, and an exchange that
comes twice is stored once. Each sink has a shipper of its own; what every one of them has is removed by
``SpoolFolders``.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple

from extproc.ledger.entry import LedgerEntry
from extproc.ledger.entry_sink import EntrySink
from extproc.ledger.lines import FORMAT, NoEntry, RecordReader
from extproc.ledger.places import SpoolPlace
from extproc.ledger.segments import (
    SegmentRecord,
    fields_of,
    first_sequence_of,
    lines_behind,
    records_in,
    segment_file,
    segments_of,
)
from extproc.ledger.spool import process_folders

DAMAGED: Final = "damaged"
"""Folder of segments in which something could not be read."""
DAMAGED_FILES_MAX: Final = 256


@dataclass(slots=True)
class Shipped:
    """What was done since the last call of ``take``."""

    stored: int = 0
    repeated: int = 0
    damaged: int = 0
    refused: int = 0
    torn_tails: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, more: Shipped) -> None:
        """Add what was done after it."""
        self.stored += more.stored
        self.repeated += more.repeated
        self.damaged += more.damaged
        self.refused += more.refused
        self.torn_tails += more.torn_tails
        self.problems += more.problems


class _Batch(NamedTuple):
    entries: list[LedgerEntry]
    at_byte: int  # behind them
    sequence: int  # of the last of them
    damaged: int  # among them


class Shipper:
    """Ships all folders of a spool to one sink.

    Args:
        root: the folder of the spool.
        is_gone: whether nothing more is written to a folder; see ``SpoolFolders``.
        tells_damage: of several sinks, one tells what cannot be read, and keeps the segment.
    """

    def __init__(
        self, root: Path, sink: EntrySink, is_gone: Callable[[str], bool], *, tells_damage: bool = True
    ) -> None:
        self._root = root
        self._sink = sink
        self._is_gone = is_gone
        self._tells_damage = tells_damage
        self._places: dict[str, SpoolPlace] = {}  # up to which it was read
        self._stored: dict[str, SpoolPlace] = {}
        self._done = Shipped()

    def place_stored(self, spool: str) -> SpoolPlace | None:
        """Up to where the sink has a spool, as far as this shipper has asked. May be called from any thread."""
        return self._stored.get(spool)

    def go_on_with(self, sink: EntrySink) -> None:
        """The sink failed, and was opened again: it says where to go on."""
        self._sink = sink
        self._places.clear()

    def take(self) -> Shipped:
        """What was done since the last call."""
        done, self._done = self._done, Shipped()
        done.refused = self._sink.take_refused()
        return done

    def ship(self, ends: Callable[[], bool] = lambda: False, *, now: bool = False) -> int:
        """Ship what there is. Returns: how many records were read. Raises: SinkFailed, StoreFailed, OSError.

        Args:
            ends: asked between batches, whether to stop.
            now: the sink waits for no more.
        """
        read = 0
        folders = process_folders(self._root)
        for gone in self._stored.keys() - {folder.name for folder in folders}:
            del self._stored[gone]
            self._places.pop(gone, None)
        for folder in folders:
            if ends():
                break
            with contextlib.suppress(FileNotFoundError):  # of a process that starts, or another one's end
                read += self._ship_folder(folder, ends)
        self._settle(now)
        return read

    def _ship_folder(self, folder: Path, ends: Callable[[], bool]) -> int:
        read = 0
        is_live = not self._is_gone(folder.name)  # asked first: what is written later is read later
        numbers = segments_of(folder)
        if not numbers:
            return 0
        place = self._place_of(folder)
        for number in numbers:
            if ends():
                return read
            if number < place.segment:
                continue  # another sink has not got it yet
            if number > place.segment:
                place = replace(place, segment=number, at_byte=0)
            may_grow = is_live and number == numbers[-1]
            before = place.sequence
            place = self._ship_segment(folder, place, ends, may_grow)
            read += place.sequence - before
        return read

    def _ship_segment(self, folder: Path, place: SpoolPlace, ends: Callable[[], bool], may_grow: bool) -> SpoolPlace:
        """Ship one segment, from the place on. Returns: the place behind it."""
        file = segment_file(folder, place.segment)
        if file.stat().st_size == place.at_byte:
            return place
        content = file.read_bytes()
        for entries, at_byte, sequence, damaged in self._batches(folder, content, place, may_grow):
            before = place
            after = replace(place, at_byte=at_byte, sequence=sequence, damaged=place.damaged + damaged)
            place = self._sink.add_of_spool(entries, after)
            self._note(before, place, folder)
            self._settle(False)
            if ends():
                break
        return place

    def _settle(self, now: bool) -> None:
        if not self._sink.settle(now):
            return
        for place in self._places.values():
            self._count(place)

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
            if len(entries) == self._sink.entries_max:
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
        if after.damaged > before.damaged and self._tells_damage:
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
            place = self._places[folder.name] = self._sink.place_of(folder.name)
            self._count(place)
        return place

    def _count(self, place: SpoolPlace) -> None:
        """Note that all before a place is stored."""
        before = self._stored.get(place.spool, place)
        self._done.stored += place.entries - before.entries
        self._done.repeated += place.repeated - before.repeated
        self._stored[place.spool] = place

    def _tell(self, folder: Path, problem: str) -> None:
        if self._tells_damage:
            self._done.problems.append(f"{folder.name}: {problem}")


def _first_sequence(head: SegmentRecord) -> int:
    try:
        return first_sequence_of(head)
    except (KeyError, TypeError, ValueError):
        return 0
