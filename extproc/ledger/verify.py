"""Checks a ledger: checksums and numbers of what waits in the spool, and the counts of what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extproc.ledger.entry_sink import SinkFailed
from extproc.ledger.places import PlacesFile, SpoolPlace
from extproc.ledger.segments import first_sequence_of, lines_behind, records_in, segment_file, segments_of
from extproc.ledger.shipper import DAMAGED
from extproc.ledger.spool import OPEN, SpoolLock, SpoolTaken, process_folders
from extproc.ledger.store import LedgerStore

SpoolPlaces = Mapping[str, SpoolPlace]
"""Up to where one sink has each spool."""


@dataclass(frozen=True, slots=True)
class CheckedSpool:
    """The spool of one process.

    Attributes:
        alive: its process runs.
        records: in its segments; ``waiting``: of them, not in the store yet.
        waiting_for: of them, not stored yet by each further sink.
        damaged: records that cannot be read, as far as their numbers tell.
        torn: it ends with half a line.
    """

    name: str
    alive: bool
    segments: int
    records: int
    waiting: int
    waiting_for: dict[str, int]
    damaged: int
    torn: bool


def check_spools(root: Path, places: SpoolPlaces, further: Mapping[str, SpoolPlaces]) -> list[CheckedSpool]:
    """Read every segment. Raises: OSError.

    Args: places: of the store; ``further``: of each other sink.
    """
    return [] if not root.exists() else [_check(folder, places, further) for folder in process_folders(root)]


def kept_segments(root: Path) -> list[str]:
    """Names of segments in which something could not be read."""
    folder = root / DAMAGED
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


def problems_of_places(places: Iterable[SpoolPlace]) -> Iterator[str]:
    """Spools of which not each record was stored."""
    for place in places:
        if place.damaged:
            yield f"{place.spool}: {place.damaged} records could not be read and are not stored"
        yield from _missing(place, "the store")


def _missing(place: SpoolPlace, sink: str) -> Iterator[str]:
    missing = place.sequence - place.skipped - place.entries - place.repeated - place.damaged
    if missing:
        yield f"{place.spool}: {place.sequence} records were read, but the counts of {sink} miss {missing}"


def problems_of_spools(spools: list[CheckedSpool]) -> Iterator[str]:
    """What will not become entries."""
    for one in spools:
        if one.damaged:
            yield f"{one.name}: {one.damaged} records cannot be read"
        if one.torn and not one.alive:
            yield f"{one.name}: ends with half a record, whose exchange is among those that were open"


def _check(folder: Path, of_store: SpoolPlaces, further: Mapping[str, SpoolPlaces]) -> CheckedSpool:
    alive = _is_alive(folder)
    unknown = SpoolPlace(folder.name)
    stored = of_store.get(folder.name, unknown).sequence
    stored_by = {sink: places.get(folder.name, unknown).sequence for sink, places in further.items()}
    waiting_for = dict.fromkeys(further, 0)
    numbers = segments_of(folder)
    records = waiting = damaged = 0
    sequence, torn = None, False
    for number in numbers:
        with suppress(FileNotFoundError):  # it was stored meanwhile
            content = segment_file(folder, number).read_bytes()
            grows = alive and number == numbers[-1]
            end = 0
            for record in records_in(content, is_whole=not grows):
                end = record.end
                with suppress(KeyError, TypeError, ValueError):
                    follows = record.sequence or first_sequence_of(record)
                    damaged += 0 if sequence is None else max(0, follows - sequence - 1)
                    sequence = record.sequence or follows - 1
                records += record.sequence > 0
                waiting += record.sequence > stored
                for sink, last_stored in stored_by.items():
                    waiting_for[sink] += record.sequence > last_stored
            lines, last = lines_behind(content, end)
            damaged += lines
            sequence = None if sequence is None else sequence + lines
            torn = torn or last < len(content)
    return CheckedSpool(folder.name, alive, len(numbers), records, waiting, waiting_for, damaged, torn)


def _is_alive(folder: Path) -> bool:
    """Whether its process runs. A shipper has the lock of what is gone, and has taken its open exchanges away."""
    if not (folder / OPEN).exists():
        return False
    try:
        SpoolLock(folder).close()
    except (SpoolTaken, OSError):
        return True
    return False


def checked(store: LedgerStore, root: Path, further: Iterable[str] = ()) -> dict[str, Any]:
    """The whole check. Raises: StoreFailed, OSError.

    Args: further: the names of the sinks besides the store.
    """
    places = store.places()
    problems = []
    of_sinks: dict[str, SpoolPlaces] = {}
    for sink in further:
        file = PlacesFile(root, sink)
        try:
            file.load()
        except SinkFailed as failure:
            problems.append(f"{sink}: {failure}")
        of_sinks[sink] = file.places
    spools = check_spools(root, {place.spool: place for place in places}, of_sinks)
    kept = kept_segments(root)
    problems += [*problems_of_spools(spools), *problems_of_places(places)]
    for sink, noted in of_sinks.items():
        problems += [problem for place in noted.values() for problem in _missing(place, sink)]
    waiting_for = {sink: sum(one.waiting_for[sink] for one in spools) for sink in of_sinks}
    return {
        "entries": store.count(),
        "places": places,
        "spools": spools,
        "waiting_for": waiting_for,
        "kept": kept,
        "problems": problems,
    }
