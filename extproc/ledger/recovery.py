"""What a killed process left in its folder: its open exchanges become records of its spool."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import orjson

from extproc.ledger.lines import died_record, ended_record
from extproc.ledger.open_exchanges import left_behind
from extproc.ledger.segments import first_sequence_of, records_in, segment_file, segments_of
from extproc.ledger.spool import OPEN, SegmentWriter

_RECOVERED: Final = ".recovered"


class Recovered(NamedTuple):
    """How many open exchanges became records: with their end, and without."""

    ended: int = 0
    died: int = 0
    unreadable: int = 0


def recover(folder: Path) -> Recovered:
    """Write the open exchanges of a process that is gone behind its records. The caller holds the lock.

    If it is interrupted, it begins again; an exchange that is then there twice is stored once. Raises: OSError.
    """
    file = folder / OPEN
    if not file.exists():
        return Recovered()
    left = left_behind(file)
    ended, died, unreadable = [], [], 0
    for slot in left.slots:
        if not _is_array(slot.begin):
            unreadable += 1
        elif _is_array(slot.end):
            ended.append(ended_record(slot.begin, slot.end))
        else:
            died.append(died_record(slot.begin, left.alive_wall_ns))
    if ended or died:
        writer = SegmentWriter(folder, "each", sequence=_last_sequence(folder), fields=left.fields)
        writer.append([*ended, *died])
        writer.close()
    file.rename(file.with_suffix(_RECOVERED))
    return Recovered(len(ended), len(died), unreadable)


def _is_array(text: bytes) -> bool:
    try:
        return isinstance(orjson.loads(text), list)
    except ValueError:
        return False


def _last_sequence(folder: Path) -> int:
    """Of the last record of a folder. The last segment stays until its process is gone, so it is known."""
    for number in reversed(segments_of(folder)):
        content = segment_file(folder, number).read_bytes()
        for record in reversed(list(records_in(content, is_whole=True))):
            return record.sequence or first_sequence_of(record) - 1
    return 0
