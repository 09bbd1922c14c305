"""Checks a ledger: checksums and numbers of what waits in the spool, and the counts of what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extproc.ledger.segments import first_sequence_of, lines_behind, records_in, segment_file, segments_of
from extproc.ledger.shipper import DAMAGED
from extproc.ledger.spool import SpoolLock, SpoolTaken, process_folders
from extproc.ledger.store import LedgerStore, SpoolPlace


@dataclass(frozen=True, slots=True)
class CheckedSpool:
    """The spool of one process.

    Attributes:
        alive: its process runs.
        records: in its segments; ``waiting``: of them, not stored yet.
        damaged: records that cannot be read, as far as their numbers tell.
        torn: it ends with half a line.
    """

    name: str
    alive: bool
    segments: int
    records: int
    waiting: int
    damaged: int
    torn: bool


def check_spools(root: Path, places: dict[str, SpoolPlace]) -> list[CheckedSpool]:
    """Read every segment. Raises: OSError."""
    return [] if not root.exists() else [_check(folder, places) for folder in process_folders(root)]


def kept_segments(root: Path) -> list[str]:
    """Names of segments in which something could not be read."""
    folder = root / DAMAGED
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


def problems_of_places(places: list[SpoolPlace]) -> Iterator[str]:
    """Spools of which not each record was stored."""
    for place in places:
        if place.damaged:
            yield f"{place.spool}: {place.damaged} records could not be read and are not stored"
        missing = place.sequence - place.entries - place.repeated - place.damaged
        if missing:
            yield f"{place.spool}: {place.sequence} records were read, but the counts of the store miss {missing}"


def problems_of_spools(spools: list[CheckedSpool]) -> Iterator[str]:
    """What will not become entries."""
    for one in spools:
        if one.damaged:
            yield f"{one.name}: {one.damaged} records cannot be read"
        if one.torn and not one.alive:
            yield f"{one.name}: ends with half a record, whose exchange is among those that were open"


def _check(folder: Path, places: dict[str, SpoolPlace]) -> CheckedSpool:
    alive = _is_alive(folder)
    place = places.get(folder.name, SpoolPlace(folder.name))
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
                waiting += record.sequence > place.sequence
            lines, last = lines_behind(content, end)
            damaged += lines
            sequence = None if sequence is None else sequence + lines
            torn = torn or last < len(content)
    return CheckedSpool(folder.name, alive, len(numbers), records, waiting, damaged, torn)


def _is_alive(folder: Path) -> bool:
    try:
        SpoolLock(folder).close()
    except (SpoolTaken, OSError):
        return True
    return False


def checked(store: LedgerStore, root: Path) -> dict[str, Any]:
    """The whole check. Raises: StoreFailed, OSError."""
    places = store.places()
    spools = check_spools(root, {place.spool: place for place in places})
    kept = kept_segments(root)
    problems = [*problems_of_spools(spools), *problems_of_places(places)]
    return {"entries": store.count(), "places": places, "spools": spools, "kept": kept, "problems": problems}
