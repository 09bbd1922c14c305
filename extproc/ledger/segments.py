"""Segments: files of lines, one for each record, in the spool of one process.

    1a2b3c4d 17 [[...],[...]]

A line is a checksum (CRC-32, in hexadecimal), the sequence number of the record, and its JSON. Sequence numbers start
at 1 and have no gap, so it is known how many records are missing where lines are damaged. The first line of a segment
names the fields of the arrays; it has the number of the first record that may follow.

Where a line is damaged, those around it are found all the same: also if the damage is in the line end between two.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from extproc.ledger.lines import BEGIN_FIELDS, END_FIELDS, FORMAT

SEGMENT_BYTES: Final = 1_048_576
"""From this size on, the next segment is begun."""
_NAME: Final = re.compile(r"(\d{10})\.seg")
_START: Final = re.compile(rb'[0-9a-f]{8} \d+ (?:\[\["|\{")')  # no text in JSON looks so: its quotes are escaped
_CHECKSUM_CHARS: Final = 8


class SegmentRecord(NamedTuple):
    """One line that is as it was written. ``end``: the byte behind it."""

    sequence: int
    json: bytes
    end: int


class FieldNames(NamedTuple):
    """What the values of the arrays are, as the release that wrote them had it."""

    format: int = FORMAT
    begin: tuple[str, ...] = BEGIN_FIELDS
    end: tuple[str, ...] = END_FIELDS

    def to_json(self) -> dict[str, Any]:
        """For a head."""
        return {"format": self.format, "begin": self.begin, "end": self.end}

    @classmethod
    def of_json(cls, head: Mapping[str, Any]) -> FieldNames:
        """Those of a head. Raises: KeyError, TypeError if it is none."""
        return cls(head["format"], tuple(head["begin"]), tuple(head["end"]))


def segment_file(folder: Path, number: int) -> Path:
    """Where a segment is."""
    return folder / f"{number:010d}.seg"


def segments_of(folder: Path) -> list[int]:
    """The numbers of all segments of a folder, in order. Raises: OSError."""
    names = [_NAME.fullmatch(file.name) for file in folder.iterdir()]
    return sorted(int(name[1]) for name in names if name is not None)


def line_of(sequence: int, json: bytes) -> bytes:
    """One line."""
    body = b"%d %b" % (sequence, json)
    return b"%08x %b\n" % (zlib.crc32(body), body)


def head_line(first_sequence: int, fields: FieldNames) -> bytes:
    """The first line of a new segment."""
    return line_of(0, orjson.dumps({**fields.to_json(), "first_sequence": first_sequence}))


def first_sequence_of(record: SegmentRecord) -> int:
    """Of the first record that may follow a head. Raises: KeyError, TypeError if it is none."""
    return int(orjson.loads(record.json)["first_sequence"])


def fields_of(record: SegmentRecord) -> FieldNames | None:
    """The names of a head; None for any other record."""
    return None if record.sequence else FieldNames.of_json(orjson.loads(record.json))


def records_in(content: bytes, start: int = 0, *, is_whole: bool = False) -> Iterator[SegmentRecord]:
    """Every record that is as it was written, from a byte on; what is damaged is left out.

    Args: is_whole: nothing more will be written; otherwise text behind the last line end is none yet.
    """
    place = start
    while (end := content.find(b"\n", place)) >= 0:
        yield from _records_of_line(content, place, end)
        place = end + 1
    if is_whole and place < len(content):
        found = list(_records_of_line(content, place, len(content)))
        for record in found or _records_of_line(content, place, len(content) - 1):  # its line end may be damaged
            yield record._replace(end=len(content))


def lines_behind(content: bytes, start: int) -> tuple[int, int]:
    """How many complete lines follow a byte, and the byte behind the last of them."""
    return content.count(b"\n", start), content.rfind(b"\n", start) + 1 or start


def _records_of_line(content: bytes, place: int, end: int) -> Iterator[SegmentRecord]:
    record = _record(content, place, end)
    if record is not None:
        yield record
        return
    starts = [match.start() for match in _START.finditer(content, place, end)]
    for number, start in enumerate(starts):  # a line end may be damaged: several records are in one line
        stop = starts[number + 1] - 1 if number + 1 < len(starts) else end
        found = _record(content, start, stop)
        if found is not None:
            yield found._replace(end=end + 1)


def _record(content: bytes, place: int, end: int) -> SegmentRecord | None:
    body = content[place + _CHECKSUM_CHARS + 1 : end]
    try:
        expected = int(content[place : place + _CHECKSUM_CHARS], 16)
    except ValueError:
        return None
    if zlib.crc32(body) != expected or content[place + _CHECKSUM_CHARS : place + _CHECKSUM_CHARS + 1] != b" ":
        return None
    sequence, _, json = body.partition(b" ")
    return SegmentRecord(int(sequence), json, end + 1) if sequence.isdigit() else None
