"""Entries from files: what ``ledger export --format jsonl`` wrote, segments, and folders of spools."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson

from extproc.ledger.entry import EntryOutcome, LedgerEntry, TokenSource, TriedVersion
from extproc.ledger.lines import NoEntry, RecordReader, refuse_unstorable
from extproc.ledger.segments import fields_of, records_in

_SEGMENTS = "*.seg"


def sources_in(path: Path) -> list[Path]:
    """The files of a source: itself, or the segments below a folder. Raises: OSError."""
    if path.is_dir():
        return sorted(path.rglob(_SEGMENTS))
    path.stat()
    return [path]


def entries_of(file: Path) -> Iterator[LedgerEntry | None]:
    """The entries of a file; None for each record that is none. Raises: OSError."""
    return _of_segment(file) if file.match(_SEGMENTS) else _of_json_lines(file)


def _of_segment(file: Path) -> Iterator[LedgerEntry | None]:
    content = file.read_bytes()
    reader = RecordReader()
    for record in records_in(content, is_whole=True):
        if not record.sequence:
            names = fields_of(record)
            reader = reader if names is None else RecordReader(names.begin, names.end)
            continue
        try:
            yield reader.read(record.json)
        except NoEntry:
            yield None


def _of_json_lines(file: Path) -> Iterator[LedgerEntry | None]:
    with file.open("rb") as opened:
        for line in opened:
            if line.strip():
                yield _entry_of_line(line)


def _entry_of_line(line: bytes) -> LedgerEntry | None:
    try:
        values: dict[str, Any] = orjson.loads(line)
        known = {one.name: values[one.name] for one in fields(LedgerEntry) if one.name in values}
        known["outcome"] = EntryOutcome(known["outcome"])
        if not all(isinstance(known.get(name, {}), dict) for name in ("findings", "signals")):
            return None
        known["finish_reasons"] = tuple(known.get("finish_reasons", ()))
        known["attempts"] = tuple(TriedVersion(**one) for one in known.get("attempts", ()))
        for name in known:
            if name.endswith("_tokens_source") and known[name] is not None:
                known[name] = TokenSource(known[name])
        entry = LedgerEntry(**known)
        refuse_unstorable(entry)
    except (ValueError, TypeError, KeyError, AttributeError, NoEntry):
        return None
    return entry
