"""Entries as a Parquet file: a column for each field, as ``extproc ledger export`` and the sink write it.

Needs pyarrow, so it is imported only where such a file is wanted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self

import orjson
import pyarrow
from pyarrow import parquet

from extproc.ledger.entry import LedgerEntry, plain_values

ROWS_AT_ONCE: Final = 5_000
"""A row group; as many entries are in memory."""
_TYPES: Final = {
    "int": pyarrow.int64(),
    "int | None": pyarrow.int64(),
    "bool": pyarrow.bool_(),
    "tuple[str, ...]": pyarrow.list_(pyarrow.string()),
}
SCHEMA: Final = pyarrow.schema([(one.name, _TYPES.get(str(one.type), pyarrow.string())) for one in fields(LedgerEntry)])


class ParquetFile:
    """A file that is being written. A context manager; after it the file is whole, and on the disk.

    Raises: OSError, here and in every method.
    """

    def __init__(self, file: Path) -> None:
        self._stream = file.open("wb")
        self._writer = parquet.ParquetWriter(self._stream, SCHEMA)
        self.entries = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._stream:
            self._writer.close()
            self._stream.flush()
            os.fsync(self._stream.fileno())

    def write(self, entries: Iterable[LedgerEntry]) -> None:
        """Add entries, in row groups."""
        rest = iter(entries)
        while part := list(islice(rest, ROWS_AT_ONCE)):
            self._writer.write_table(pyarrow.Table.from_pylist([_row(entry) for entry in part], schema=SCHEMA))
            self.entries += len(part)


def _row(entry: LedgerEntry) -> dict[str, Any]:
    """Findings, attempts and signals as JSON: their keys differ from entry to entry."""
    row = plain_values(entry)
    for name in ("findings", "attempts", "signals"):
        row[name] = orjson.dumps(row[name]).decode()
    return row
