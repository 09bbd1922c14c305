"""How long the allocation of GPU time takes: ``python -m tests.bench.allocation_speed --entries 1000000``.

It makes a ledger of one day, 50 servers and 20 teams, and allocates the day as `extproc allocate` does: it reads,
divides and stores. ``--read parquet`` reads the same entries from files, ``--read postgresql`` from a PostgreSQL that
it starts. The processor's time and the most memory are those of this process, less the ledger's making.
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from extproc.allocation.slices import GpuTerms
from extproc.ledger.allocation.allocating import allocate_day
from extproc.ledger.allocation.dividing import ServerTerms
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.entry import LedgerEntry
from extproc.ledger.store import LedgerStore
from tests.bench.report_speed import entries
from tests.unit.databases import running
from tests.unit.ledger.allocation.samples import terms

SERVERS: Final = tuple(f"10.0.0.{number}:8000" for number in range(1, 51))
BEGIN_US: Final = int(datetime(2026, 11, 28, tzinfo=UTC).timestamp()) * 1_000_000
_AT_ONCE: Final = 20_000
_ONE: Final = ServerTerms("H100", "USD", (GpuTerms(0, 1, 2_500_000_000),))


def entries_of_a_day(count: int) -> Iterator[LedgerEntry]:
    """In the order of time, each at a server by chance."""
    chosen = random.Random(2)
    for number, entry in enumerate(entries(count)):
        later_us = BEGIN_US + number * DAY_US // count - entry.started_at_us
        moved = {
            name: getattr(entry, name) + later_us
            for name in ("started_at_us", "sent_at_us", "first_token_at_us", "ended_at_us")
        }
        place = chosen.randrange(len(SERVERS))
        yield replace(entry, server=SERVERS[place], version=f"v{place % 6}", model="llama", tier="gold", **moved)


def fill(url: str, count: int) -> None:
    """Make a ledger."""
    store, part = LedgerStore(url, Path("/")), list[LedgerEntry]()
    for entry in entries_of_a_day(count):
        part.append(entry)
        if len(part) == _AT_ONCE:
            store.add(part)
            part.clear()
    store.add(part)
    store.close()


def write_parquet(folder: Path, count: int) -> None:
    """The same entries as files of a day, as the sink writes them, unless they are there."""
    from extproc.ledger.parquet_file import ParquetFile

    of_day = folder / f"day={datetime.fromtimestamp(BEGIN_US // 1_000_000, UTC).date()}"
    if of_day.exists():
        return
    of_day.mkdir()
    with ParquetFile(of_day / "entries.parquet") as file:
        file.write(entries_of_a_day(count))


def measure(url: str, files: Path | None) -> None:
    """Print how long one day took. Args: files: from which entries are read, in place of the database."""
    store = LedgerStore(url, Path("/"))
    known = terms(dict.fromkeys(SERVERS, _ONE), alive=SERVERS)._replace(files=files)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    found = allocate_day(store, known, (BEGIN_US, BEGIN_US + DAY_US), BEGIN_US + 2 * DAY_US)
    cpu_s, wall_s = time.process_time() - began_cpu_s, time.perf_counter() - began_s
    most_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{found.exchanges:,} exchanges, {found.new:,} slices: {wall_s:.1f} s, {cpu_s:.1f} s of the processor, "
        f"{most_kb / 1_000:.0f} MB, {(most_kb - before_kb) / 1_000:.0f} more than before"
    )


def run(*arguments: str | Path) -> None:
    """Measure in a process of its own."""
    subprocess.run([sys.executable, "-m", "tests.bench.allocation_speed", "--measure", *arguments], check=True)


def main() -> None:
    """Make the ledger, and allocate its day."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="keep the ledger here, and use it again, not allocated")
    parser.add_argument("--read", choices=["sqlite", "parquet", "postgresql"], default="sqlite")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--files", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        measure(asked.measure, asked.files)
    elif asked.read == "postgresql":
        with running() as server:
            url = server.new_database()
            fill(url, asked.entries)
            run(url)
    else:
        with tempfile.TemporaryDirectory() as folder:
            kept, copy = asked.folder or Path(folder), Path(folder) / "allocated.db"
            if asked.read == "parquet":
                write_parquet(kept, asked.entries)
                run(f"sqlite:///{copy}", "--files", kept)
            else:
                if not (kept / "ledger.db").exists():
                    fill(f"sqlite:///{kept / 'ledger.db'}", asked.entries)
                shutil.copyfile(kept / "ledger.db", copy)
                run(f"sqlite:///{copy}")


if __name__ == "__main__":
    main()
