"""The exchanges of one process that have not ended, in a mapped file: what a killed process leaves behind.

A slot of the file is taken when the request was sent on, gets the end when it has ended, and is freed when both are in
the spool. Writing it is a copy in memory, which the kernel keeps if the process is killed. The length of an array is
written after its text, so one that was being copied then is not there.

A slot has two pages: its begin, and its end. Each is a length (8 bytes) and JSON. The last 8 bytes of the first page
say whether the exchange of a rollout waits too long for its answer.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from extproc.ledger.segments import FieldNames

MAGIC: Final = b"llm-extproc open exchanges 1\n"
_PAGE: Final = 4_096
_SLOT: Final = 2 * _PAGE
_LENGTH: Final = struct.Struct("<Q")
_NOTHING: Final = bytes(8)
_FIELDS: Final = FieldNames()
_FIRST: Final = 8  # of the text, in its page
_WAITS_AT: Final = _PAGE - 8
TEXT_BYTES_MAX: Final = _WAITS_AT - _FIRST
_ALIVE_AT: Final = 64  # place of the time at which the process was last known to be alive
_FIELDS_AT: Final = 128  # place of the names of the arrays' values


class LeftOver(NamedTuple):
    """A slot that is taken.

    Attributes:
        end: empty: the exchange has not ended.
        waits: whether it was noted that the exchange waits.
    """

    begin: bytes
    end: bytes
    waits: bool = False


class OpenExchanges:
    """The slots of this process. Methods may be called from any thread, each slot from one at a time."""

    def __init__(self, file: Path, slots: int, fields: FieldNames = _FIELDS) -> None:
        """Create the file. Raises: OSError."""
        opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            size = _PAGE + slots * _SLOT
            os.posix_fallocate(opened, 0, size)  # a copy to where a full disk has no block kills the process
            self._map = mmap.mmap(opened, size)
        finally:
            os.close(opened)
        names = orjson.dumps(fields.to_json())
        self._map[_FIELDS_AT + _FIRST : _FIELDS_AT + _FIRST + len(names)] = names
        _LENGTH.pack_into(self._map, _FIELDS_AT, len(names))
        self._map[: len(MAGIC)] = MAGIC  # last: without it there is nothing
        self._free = list(range(_PAGE + (slots - 1) * _SLOT, 0, -_SLOT))  # the lowest is taken first

    def begin(self, text: bytes) -> int | None:
        """Take a slot. Returns: its place; None if all are taken, or the text is too long."""
        try:
            place = self._free.pop()
        except IndexError:
            return None
        length = len(text)
        if length > TEXT_BYTES_MAX:
            self._free.append(place)
            return None
        first = place + _FIRST
        self._map[first : first + length] = text
        _LENGTH.pack_into(self._map, place, length)
        return place

    def end(self, place: int, text: bytes) -> None:
        """Add the end; one that is too long is left out."""
        length = len(text)
        if length <= TEXT_BYTES_MAX:
            first = place + _PAGE + _FIRST
            self._map[first : first + length] = text
            _LENGTH.pack_into(self._map, place + _PAGE, length)

    def reopen(self, place: int) -> None:
        """Take the end back."""
        self._map[place + _PAGE : place + _PAGE + _FIRST] = _NOTHING

    def note_waiting(self, place: int) -> None:
        """Its answer takes too long to begin."""
        _LENGTH.pack_into(self._map, place + _WAITS_AT, 1)

    def free(self, place: int) -> None:
        """The exchange is in the spool."""
        self._map[place : place + _FIRST] = _NOTHING  # first, as an end alone is nothing
        self._map[place + _WAITS_AT : place + _PAGE] = _NOTHING
        self.reopen(place)
        self._free.append(place)

    @property
    def free_slots(self) -> int:
        """How many more can be taken."""
        return len(self._free)

    def alive(self, wall_ns: int) -> None:
        """The process is alive now."""
        _LENGTH.pack_into(self._map, _ALIVE_AT, wall_ns)

    def close(self) -> None:
        """Unmap the file; no slot may be used after that."""
        self._map.close()


class LeftBehind(NamedTuple):
    """What a process that is gone has left.

    Attributes:
        alive_wall_ns: when it was last known to be alive [ns since 1970].
        fields: of the arrays.
        slots: that are taken.
    """

    alive_wall_ns: int
    fields: FieldNames
    slots: list[LeftOver]


def left_behind(file: Path) -> LeftBehind:
    """Read the file of a process that is gone, or may go at any moment. Raises: OSError."""
    with file.open("rb") as opened:
        if opened.read(len(MAGIC)) != MAGIC:  # it was killed while it made the file
            return LeftBehind(0, _FIELDS, [])
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:  # most of it is empty
            return _left_in(content)


def _left_in(content: mmap.mmap) -> LeftBehind:
    (alive_wall_ns,) = _LENGTH.unpack_from(content, _ALIVE_AT)
    try:
        fields = FieldNames.of_json(orjson.loads(_text_at(content, _FIELDS_AT)))
    except (ValueError, KeyError, TypeError):
        fields = _FIELDS
    return LeftBehind(alive_wall_ns, fields, list(_slots_of(content)))


def _slots_of(content: mmap.mmap) -> Iterator[LeftOver]:
    for place in range(_PAGE, len(content) - _SLOT + 1, _SLOT):
        begin = _text_at(content, place)
        if begin:
            waits = content[place + _WAITS_AT : place + _PAGE] != _NOTHING
            yield LeftOver(begin, _text_at(content, place + _PAGE), waits)


def _text_at(content: mmap.mmap, place: int) -> bytes:
    (length,) = _LENGTH.unpack_from(content, place)
    return content[place + _FIRST : place + _FIRST + length] if length <= TEXT_BYTES_MAX else b""
