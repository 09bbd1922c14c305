"""The exchanges of each server from the Parquet files of a ledger: for days that the database has no more.

Needs pyarrow, so it is imported only where such files are wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow
from pyarrow import compute, dataset

from extproc.allocation.running import UNKNOWN
from extproc.ledger.allocation.reading import (
    LASTS_US_MAX,
    NUMBERS,
    SEPARATOR,
    FilesUnusable,
    GatheredExchanges,
    Payer,
    ReadExchanges,
)
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.entry import NOT_REACHED, EntryOutcome
from extproc.statistics.arrays import Ints

_ROWS_AT_ONCE: Final = 50_000
_READ_AHEAD: Final = 1
"""Of batches and files, and no threads: what the library chooses takes 150 MB more, and is no faster on two cores."""
_US_PER_S: Final = 1_000_000
_COLUMNS: Final = {name if name != "first" else "first_token_at_us" for name in NUMBERS} | {"server", *Payer._fields}


def read_exchanges_of_files(
    folder: Path, begin_us: int, end_us: int, told: Callable[[int], None] = lambda _: None
) -> ReadExchanges[Payer]:
    """As ``read_exchanges``, of a folder that the Parquet sink writes (``FOLDER/day=2026-11-29/*.parquet``).

    Raises: FilesUnusable.
    """
    gathered = GatheredExchanges(Payer)
    try:
        for batch in _batches(folder, begin_us, end_us):
            _take(gathered, batch)
            told(gathered.count)
    except (OSError, pyarrow.ArrowException) as error:
        raise FilesUnusable(f"{folder}: {str(error).splitlines()[0][:200]}") from error
    return gathered.exchanges()


def _batches(folder: Path, begin_us: int, end_us: int) -> Iterator[pyarrow.RecordBatch]:
    days = range((begin_us - LASTS_US_MAX) // DAY_US, -(-end_us // DAY_US))
    names = [f"day={datetime.fromtimestamp(day * DAY_US // _US_PER_S, UTC).date()}" for day in days]
    files = [str(file) for name in names for file in sorted((folder / name).glob("*.parquet"))]
    if not files:
        return
    ran = _ran(begin_us, end_us)
    yield from dataset.dataset(files, format="parquet").to_batches(
        columns=sorted(_COLUMNS),
        filter=ran,
        batch_size=_ROWS_AT_ONCE,
        batch_readahead=_READ_AHEAD,
        fragment_readahead=_READ_AHEAD,
        use_threads=False,
    )


def _ran(begin_us: int, end_us: int) -> compute.Expression:
    """What runs in a time, as ``read_exchanges`` has it."""
    started, sent, ended, outcome, written = (
        compute.field(name) for name in ("started_at_us", "sent_at_us", "ended_at_us", "outcome", "completion_tokens")
    )
    in_time = (started >= begin_us - LASTS_US_MAX) & (started < end_us) & (ended > begin_us) & (sent < end_us)
    refused_by_server = (outcome == EntryOutcome.UPSTREAM_ERROR.value) & (written == 0)
    return in_time & ~outcome.isin([one.value for one in NOT_REACHED]) & ~refused_by_server


def _take(gathered: GatheredExchanges[Payer], batch: pyarrow.RecordBatch) -> None:
    if not batch.num_rows:
        return
    numbers = [np.arange(gathered.count, gathered.count + batch.num_rows, dtype=np.int64)]
    for name in NUMBERS:
        column = batch.column("first_token_at_us" if name == "first" else name)
        numbers.append(_integers(compute.fill_null(column, UNKNOWN) if name == "first" else column))
    texts = [batch.column(name) for name in ("server", *Payer._fields)]
    named = compute.binary_join_element_wise(*texts, SEPARATOR).dictionary_encode()
    gathered.take(numbers, named.dictionary.to_pylist(), _integers(named.indices))


def _integers(column: pyarrow.Array) -> Ints:
    found: Ints = column.to_numpy(zero_copy_only=False).astype(np.int64)
    return found
