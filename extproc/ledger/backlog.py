"""What a sink has not stored yet: how old it is, and how much."""

from __future__ import annotations

import contextlib
from pathlib import Path

from extproc.ledger.folders import PlaceStored
from extproc.ledger.lines import NoEntry, RecordReader
from extproc.ledger.places import SpoolPlace
from extproc.ledger.segments import records_in, segment_file, segments_of
from extproc.ledger.spool import process_folders


def oldest_unshipped_s(root: Path, place_stored: PlaceStored, now_s: float) -> float:
    """How long ago the oldest exchange ended that is not stored; 0 if there is none. Raises: OSError. [s]

    Args: now_s: since 1970.
    """
    ages = [0.0]
    for folder in process_folders(root):
        with contextlib.suppress(OSError):
            ages.append(_age_s(folder, place_stored(folder.name) or SpoolPlace(folder.name), now_s))
    return max(ages)


def waiting_bytes(root: Path, place_stored: PlaceStored) -> int:
    """How much of the spool is not stored. Raises: OSError."""
    total = 0
    for folder in process_folders(root):
        place = place_stored(folder.name) or SpoolPlace(folder.name)
        with contextlib.suppress(OSError):
            for number in segments_of(folder):
                if number >= place.segment:
                    total += segment_file(folder, number).stat().st_size
                    total -= place.at_byte if number == place.segment else 0
    return total


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
