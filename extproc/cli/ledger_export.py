"""Entries as CSV, JSON Lines or Parquet.

A spreadsheet runs what looks like a formula, and names of teams come from clients. So in CSV a text that begins with
``=``, ``+``, ``-``, ``@``, a tab or a line end gets an apostrophe before it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

import orjson

from extproc.cli.ledger_output import entry_data
from extproc.cli.output import refuse
from extproc.domain.extras import MODULES, how_to_install, missing_modules
from extproc.ledger.entry import LedgerEntry

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_NAMES: Final = [one.name for one in fields(LedgerEntry)]

_Item = TypeVar("_Item")


def csv_lines(entries: Iterable[LedgerEntry]) -> Iterator[bytes]:
    """A line of names, then one for each entry; lists are JSON."""
    yield _csv_line(_NAMES)
    for entry in entries:
        yield _csv_line([csv_cell(value) for value in entry_data(entry).values()])


def csv_cell(value: Any) -> str:
    """A value that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _csv_line(cells: Iterable[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()


def json_lines(entries: Iterable[LedgerEntry]) -> Iterator[bytes]:
    """One object a line."""
    for entry in entries:
        yield orjson.dumps(entry_data(entry), option=orjson.OPT_APPEND_NEWLINE)


def write_lines(lines: Iterable[bytes], out: BinaryIO) -> int:
    """Write lines. Returns: how many."""
    count = 0
    for line in lines:
        out.write(line)
        count += 1
    return count


def in_parts(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """Lists of so many, the last one shorter."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


def write_parquet(entries: Iterable[LedgerEntry], file: Path) -> int:
    """Write a Parquet file. Returns: how many entries. Raises: OSError."""
    if missing_modules(MODULES["parquet"]):
        refuse(f"ledger export: Parquet needs pyarrow. {how_to_install('parquet')}")
    from extproc.ledger.parquet_file import ParquetFile

    with ParquetFile(file) as written:
        written.write(entries)
    return written.entries
