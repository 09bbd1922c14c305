"""The process that allocates what is settled: ``python -m extproc.ledger.allocation.settling``, once an hour.

A day of a million exchanges takes seconds of a core and hundreds of megabytes. In a process of its own, of low
priority, that delays no entry, and the memory is given back. Its standard input has the settings, as a line of JSON,
and says by its end that the parent is gone; on its standard output it writes one line. It takes yesterday and today,
one day at a time, each in a transaction: whatever ends it, a day is written whole or not at all.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from extproc.allocation.methods import DEFAULT_METHOD
from extproc.config.gpus import GpusSection
from extproc.database.engine import StoreFailed
from extproc.ledger.allocation.allocating import allocate_day
from extproc.ledger.allocation.settled import LASTS_S_MAX, days_between, settled_us, settles_from_us
from extproc.ledger.allocation.settling_run import EXCHANGES_MAX
from extproc.ledger.allocation.terms import allocation_terms
from extproc.ledger.store import LedgerStore

_NICENESS: Final = 10
"""A tenth of a core where others want it. Not the lowest: others wait while it is the one who writes to SQLite."""
_US_PER_S: Final = 1_000_000


class DayTooLarge(Exception):
    """It has more than ``EXCHANGES_MAX``."""


def settle(settings: dict[str, Any]) -> dict[str, Any]:
    """Allocate yesterday and today, as far as their hours are settled.

    Args: settings: ``url`` and ``folder`` of the ledger, ``section``: JSON of the section `gpus`, ``now_us``.
    Returns: as ``SettledDays``.
    """
    now_us: int = settings["now_us"]
    section = GpusSection.model_validate_json(settings["section"])
    problems: list[str] = []
    too_large: list[str] = []
    unknown: Counter[str] = Counter()
    try:
        store = LedgerStore(settings["url"], Path(settings["folder"]), creates=False)
        try:
            with store.reading() as connection:
                terms = allocation_terms(connection, section, DEFAULT_METHOD)
            for span_us in days_between(settles_from_us(now_us), settled_us(now_us)):
                try:
                    unknown.update(allocate_day(store, terms, span_us, now_us, _bounded).unknown)
                except DayTooLarge:
                    too_large.append(str(datetime.fromtimestamp(span_us[0] // _US_PER_S, UTC).date()))
        finally:
            store.close()
    except StoreFailed as failure:
        problems.append(f"the store: {failure}")
    return {"problems": problems, "too_large": too_large, "unknown": dict(unknown)}


def _bounded(exchanges: int) -> None:
    if exchanges > EXCHANGES_MAX:
        raise DayTooLarge


def main() -> None:
    """Run with the settings of standard input."""
    signal.alarm(LASTS_S_MAX)
    os.nice(_NICENESS)
    settings = orjson.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    found = settle(settings)
    sys.stdout.buffer.write(orjson.dumps(found) + b"\n")


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):  # without a lock, which the end of the process would wait for
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
