"""Reads Envoy's header maps by hand, where they are encoded as Envoy does.

Most of what it forwards of the headers is the same in each request, and need not be decoded again.
Anything else is left to the protobuf library; both must agree (``tests/unit/wire``).
"""

from __future__ import annotations

from typing import Final

from extproc._pb import ext_proc_pb2 as pb

_STEADY: Final = frozenset({":method", ":path", ":status", "accept-encoding", "content-type"})
"""Headers whose values many messages share, and that are no secret: a credential is not kept here."""
_KEPT_MAX: Final = 1_024
_kept: dict[bytes, tuple[str, str]] = {}

# Tags of length-delimited fields. Source: protobuf.dev, "Encoding".
_ENTRY: Final = pb.HeaderMap.HEADERS_FIELD_NUMBER << 3 | 2
_NAME: Final = pb.HeaderValue.KEY_FIELD_NUMBER << 3 | 2
_VALUE: Final = pb.HeaderValue.RAW_VALUE_FIELD_NUMBER << 3 | 2
_LENGTHS_OF_ONE_BYTE: Final = 0x80


def read_header_map(content: bytes, at: int, end: int) -> dict[str, str] | None:
    """The headers of a map that is encoded from ``at`` to ``end``; None if it is not encoded as usual.

    Several with one name are joined, as HTTP specifies.
    """
    headers: dict[str, str] = {}
    while at < end - 1:
        size = content[at + 1]
        if content[at] != _ENTRY:
            return None
        at += 2
        if size >= _LENGTHS_OF_ONE_BYTE:
            if at >= end or content[at] >= _LENGTHS_OF_ONE_BYTE:
                return None
            size = size & 0x7F | content[at] << 7
            at += 1
        entry = content[at : at + size]
        at += size
        header = _kept.get(entry)
        if header is None:
            header = _read_entry(entry, size)
            if header is None:
                return None
        name, value = header
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers if at == end else None


def _read_entry(entry: bytes, size: int) -> tuple[str, str] | None:
    """Name and value; None for an entry that is cut off, or not of a name and a ``raw_value``."""
    if len(entry) != size or size < 4 or entry[0] != _NAME:
        return None
    name_size = entry[1]
    at = 2 + name_size
    if name_size >= _LENGTHS_OF_ONE_BYTE or at > size - 2 or entry[at] != _VALUE:
        return None
    value_size, at = entry[at + 1], at + 2
    if value_size >= _LENGTHS_OF_ONE_BYTE:
        if at >= size or entry[at] >= _LENGTHS_OF_ONE_BYTE:
            return None
        value_size, at = value_size & 0x7F | entry[at] << 7, at + 1
    if at + value_size != size or not value_size:
        return None
    try:
        name = entry[2 : 2 + name_size].decode()
    except UnicodeDecodeError:
        return None
    header = name, entry[at:].decode("utf-8", "replace")
    if name in _STEADY:
        if len(_kept) >= _KEPT_MAX:
            _kept.clear()
        _kept[entry] = header
    return header
