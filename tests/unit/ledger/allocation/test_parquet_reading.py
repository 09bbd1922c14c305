"""Parquet files say of exchanges what the database says."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from extproc.allocation.slices import HOUR_US
from extproc.ledger.allocation.parquet_reading import read_exchanges_of_files
from extproc.ledger.allocation.reading import FilesUnusable, Payer, ReadExchanges, read_exchanges
from extproc.ledger.entry import EntryOutcome, LedgerEntry
from extproc.ledger.parquet_file import ParquetFile
from extproc.ledger.store import LedgerStore
from tests.unit.ledger.allocation.samples import DAY, MIDNIGHT_US, day_of_traffic, ran

ODD = [
    ran(9_001, HOUR_US, 5_000_000, outcome=EntryOutcome.UPSTREAM_ERROR, completion_tokens=0),
    ran(9_002, HOUR_US, 5_000_000, outcome=EntryOutcome.REFUSED, sent_at_us=None),
    ran(9_003, HOUR_US, 5_000_000, first_token_at_us=None, choices=3),
    ran(9_004, HOUR_US, 5_000_000, completion_tokens=0, first_token_at_us=None, server=""),
    ran(9_005, -2 * HOUR_US, 3 * HOUR_US),
    ran(9_006, -30 * HOUR_US, HOUR_US),
    ran(9_007, 25 * HOUR_US, HOUR_US),
]


def written(folder: Path, entries: Sequence[LedgerEntry]) -> Path:
    """As the sink writes them."""
    ordered = sorted(entries, key=lambda one: one.day)
    for day, some in groupby(ordered, key=lambda one: one.day):
        place = folder / f"day={day}"
        place.mkdir()
        with ParquetFile(place / "one.parquet") as file:
            file.write(some)
    return folder


def told(found: ReadExchanges[Payer]) -> dict[str, list[tuple[object, ...]]]:
    """Everything but numbers of entries, by server."""
    by_server = {}
    for name, one in found.servers.items():
        columns = [column.tolist() for column in one.seen[1:]]
        payers = [found.payers[place] for place in one.payer.tolist()]
        by_server[name] = sorted(zip(*columns, payers, strict=True))
    return by_server


@pytest.mark.parametrize("span", [DAY, (MIDNIGHT_US + HOUR_US, MIDNIGHT_US + 2 * HOUR_US)])
def test_they_are_the_same(store: LedgerStore, tmp_path: Path, span: tuple[int, int]) -> None:
    """Of a day, and of an hour."""
    entries = [*day_of_traffic(150), *ODD]
    store.add(entries)
    with store.reading() as connection:
        expected = told(read_exchanges(connection, *span))
    counts: list[int] = []
    found = read_exchanges_of_files(written(tmp_path, entries), *span, counts.append)
    assert told(found) == expected
    assert counts[-1] == sum(len(one.payer) for one in found.servers.values())
    numbers = np.concatenate([one.seen.number for one in found.servers.values()])
    assert len(set(numbers.tolist())) == len(numbers)


def test_a_folder_without_files(tmp_path: Path) -> None:
    """Of those days."""
    assert read_exchanges_of_files(tmp_path, *DAY).servers == {}


def test_a_file_that_is_none(tmp_path: Path) -> None:
    """It is told which, and nothing is left out in silence."""
    folder = written(tmp_path, [ran(1, HOUR_US, 1_000_000)])
    (next(folder.iterdir()) / "two.parquet").write_bytes(b"no Parquet")
    with pytest.raises(FilesUnusable, match=r"two\.parquet"):
        read_exchanges_of_files(folder, *DAY)
