"""How long reports on a large ledger take: ``python -m tests.bench.report_speed --entries 1000000``.

It makes a ledger in SQLite, of 90 days, 20 teams and 6 model versions, and runs `extproc report` as a shell would: the
start of Python and the opening of the store are part of the time. The time of the processor is printed too, which says
more where others use the machine.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from extproc.ledger.entry import EntryOutcome, LedgerEntry, TokenSource
from extproc.ledger.store import LedgerStore
from tests.unit.config.conftest import MINIMAL

DAYS: Final = 90
LAST: Final = date(2026, 11, 28)
_AT_ONCE: Final = 20_000
_DAY_US: Final = 86_400_000_000
REPORTS: Final = (
    ("--by", "team", "--period", "day"),
    ("--by", "team,project,version", "--period", "day"),
    ("--by", "user", "--period", "month"),
    ("--by", "team", "--period", "day", "--timezone", "America/New_York"),
    ("--by", "team", "--period", "total", "--from", "2026-11-22"),
)


def entries(count: int, seed: int = 1) -> Iterator[LedgerEntry]:
    """Entries in the order of time, spread evenly over the days."""
    chosen = random.Random(seed)
    first_day = LAST - timedelta(DAYS - 1)
    start_us = int(datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC).timestamp()) * 1_000_000
    outcomes = [EntryOutcome.COMPLETED] * 30 + [EntryOutcome.CUT, EntryOutcome.ABORTED, EntryOutcome.UPSTREAM_ERROR]
    for number in range(count):
        started = start_us + number * DAYS * _DAY_US // count
        team = chosen.randrange(20)
        prompt, completion = int(chosen.lognormvariate(7, 1)), int(chosen.lognormvariate(5, 1))
        first_token = started + int(chosen.lognormvariate(11.5, 0.8))
        yield LedgerEntry(
            exchange=f"b199f803713d-{number}",
            started_at_us=started,
            sent_at_us=started + 2_000,
            first_token_at_us=first_token,
            ended_at_us=first_token + int(chosen.lognormvariate(14, 1)),
            revision="8d1c6a0b9f3e",
            team=f"team-{team}",
            project=f"project-{team}-{chosen.randrange(4)}",
            tier=chosen.choice(("gold", "silver")),
            user_id=f"user-{chosen.randrange(500)}",
            endpoint="chat",
            route=chosen.choice(("night", "default")),
            policy="default",
            streamed=True,
            model_asked="llama",
            model=chosen.choice(("llama", "qwen", "tiny")),
            version=chosen.choice(("v1", "v2")),
            fingerprint="3f2a9c1b77d0",
            prompt_tokens=prompt,
            prompt_tokens_source=TokenSource.REPORTED,
            cached_tokens=prompt // 3,
            completion_tokens=completion,
            completion_tokens_source=TokenSource.REPORTED,
            cost_micro_usd=prompt * 3 + completion * 12,
            price_revision="c1d2e3f4a5b6",
            choices=1,
            finish_reasons=("stop",),
            finding_count=int(chosen.random() < 0.05),
            outcome=chosen.choice(outcomes),
            status=200,
        )


def main() -> None:
    """Make the ledger, and print a line for each report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="keep the ledger here, and use it again")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch)
        (folder / "config.yaml").write_text(f"{MINIMAL}ledger:\n  url: sqlite:///ledger.db\n")
        _fill(folder, asked.entries)
        for report in REPORTS:
            _measure(folder, report)


def _fill(folder: Path, count: int) -> None:
    store = LedgerStore("sqlite:///ledger.db", folder)
    started_s, part, done = time.monotonic(), [], store.count()
    for one in entries(count) if done < count else ():
        part.append(one)
        if len(part) == _AT_ONCE:
            store.add(part)
            part.clear()
    store.add(part)
    print(f"{store.count():,} entries, {time.monotonic() - started_s:.0f} s to add, {_mb(folder):.0f} MB", flush=True)
    store.close()


def _mb(folder: Path) -> float:
    return sum(one.stat().st_size for one in folder.glob("ledger.db*")) / 1e6


def _measure(folder: Path, report: tuple[str, ...]) -> None:
    first = () if "--from" in report else ("--from", str(LAST - timedelta(DAYS - 1)))
    command = [sys.executable, "-m", "extproc", "report", "config.yaml", *report, *first, "--to", str(LAST)]
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    before, started_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    ran = subprocess.run([*command, "--format", "csv"], cwd=folder, env=environment, capture_output=True, check=True)
    took_s, after = time.monotonic() - started_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rows = ran.stdout.count(b"\n") - 1
    print(f"{took_s:5.1f} s ({processor_s:.1f} s of the processor) {rows:7,} rows: {' '.join(report)}", flush=True)


if __name__ == "__main__":
    main()
