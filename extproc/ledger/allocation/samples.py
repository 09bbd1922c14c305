"""Samples of a server as bytes: an hour of them takes a few KB.

    format (1 byte)  columns (1)  samples (4, little-endian)  zlib of all columns

Of each column the differences between samples are written, which are small, and of all differences first the lowest
bytes, then the next: what is zero stands together. A later release may have more columns, after those of this one.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

import numpy as np

from extproc.allocation.server_samples import UNKNOWN, ServerSamples

FORMAT: Final = 1
SAMPLES_MAX: Final = 3_600
"""Of one row: one a second of an hour."""
COLUMNS_MAX: Final = 64
_HEAD: Final = struct.Struct("<BBI")
_INTEGER_BYTES: Final = 8
_LEVEL: Final = 6


class UnreadableSamples(ValueError):
    """The bytes are damaged, or of a format that this release does not know."""


def encode_samples(samples: ServerSamples) -> bytes:
    """At most ``SAMPLES_MAX`` samples, by time. Raises: ValueError: there are more."""
    count = len(samples.at_us)
    if count > SAMPLES_MAX:
        raise ValueError(f"{count} samples in one row, at most {SAMPLES_MAX} are possible")
    columns = np.array(samples, dtype="<i8")
    columns[:, 1:] = np.diff(columns, axis=1)
    by_byte = columns.view(np.uint8).reshape(len(samples), count, _INTEGER_BYTES).transpose(0, 2, 1)
    return _HEAD.pack(FORMAT, len(samples), count) + zlib.compress(by_byte.tobytes(), _LEVEL)


def decode_samples(content: bytes) -> ServerSamples:
    """What ``encode_samples`` made, here or in another release; columns that it did not have are unknown.

    Raises: UnreadableSamples.
    """
    try:
        form, width, count = _HEAD.unpack_from(content)
    except struct.error as error:
        raise UnreadableSamples("samples without a head") from error
    if form != FORMAT:
        raise UnreadableSamples(f"samples of format {form}, and this release knows {FORMAT}")
    if count > SAMPLES_MAX or not 1 <= width <= COLUMNS_MAX:
        raise UnreadableSamples(f"{width} columns of {count} samples in one row")
    plain = _decompressed(content[_HEAD.size :], width * count * _INTEGER_BYTES)
    by_byte = np.frombuffer(plain, dtype=np.uint8).reshape(width, _INTEGER_BYTES, count)
    differences = np.ascontiguousarray(by_byte.transpose(0, 2, 1)).view("<i8").reshape(width, count)
    columns = list(np.cumsum(differences, axis=1, dtype=np.int64))
    missing = [np.full(count, UNKNOWN, dtype=np.int64)] * (len(ServerSamples._fields) - width)
    return ServerSamples(*columns[: len(ServerSamples._fields)], *missing)


def _decompressed(content: bytes, length: int) -> bytes:
    """Never more than is expected. Raises: UnreadableSamples."""
    reader = zlib.decompressobj()
    try:
        plain = reader.decompress(content, length + 1)
    except zlib.error as error:
        raise UnreadableSamples("damaged samples") from error
    if len(plain) != length or not reader.eof or reader.unused_data:
        raise UnreadableSamples("samples of another length than their head says")
    return plain
