"""How long a look at a budget of GPU time takes: ``python -m tests.bench.gpu_budgets``.

It makes a ledger in SQLite with a month of 50 servers and 20 payers, where each twentieth slice was revised, and adds
up as the process that ships does: for the first time, after an hour was allocated, and when nothing is new.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert

from extproc.allocation.slices import HOUR_US
from extproc.domain.budget_periods import BudgetPeriod
from extproc.ledger.allocation.share_tables import GPU_SHARES, GPU_SLICES
from extproc.ledger.allocation.slice_rows import UNPAID
from extproc.ledger.allocation.used_time import UsedGpuTime, settling_method
from extproc.ledger.store import LedgerStore

HOURS, SERVERS, PAYERS, REVISED = 720, 50, 20, 20
BEGIN_US: Final = 1_793_491_200_000_000
"""2026-11-01."""
PERIOD: Final = BudgetPeriod(BEGIN_US, BEGIN_US + HOURS * HOUR_US)
_ROUNDS: Final = 5


def add_hour(store: LedgerStore, hour: int) -> None:
    """What is allocated at once."""
    chosen = random.Random(hour)
    begin_us = BEGIN_US + hour * HOUR_US
    slices: list[dict[str, Any]] = []
    shares: list[dict[str, Any]] = []
    for server in range(SERVERS):
        for revision in range(1, 2 + ((hour * SERVERS + server) % REVISED == 0)):
            key = {"begin_us": begin_us, "server": f"10.0.0.{server}:8000", "revision": revision}
            key["method"] = settling_method()
            of_gpus = {"end_us": begin_us + HOUR_US, "gpus": 1, "kind": "H100", "price": 1, "currency": "USD"}
            costs = dict.fromkeys((*UNPAID, *(f"{name}_cost" for name in UNPAID), "busy"), 1)
            seen = {"step_costs": "[5000, 20, 30, 0.01, 0.001, 8192]", "exchanges": 9, "digest": 9}
            slices.append({**key, **of_gpus, **costs, **seen, "allocated_at_us": 1})
            for payer in range(PAYERS):
                names = {"team": f"team-{payer % 8}", "project": f"project-{payer}", "budget_code": f"b-{payer % 5}"}
                names |= {"tier": "gold", "use_case": "chat", "model": "llama", "version": "v1"}
                shares.append({**key, **names, "gpu_us": chosen.randrange(10**8), "cost": 1})
    with store.writing() as connection:
        connection.execute(insert(GPU_SLICES), slices)
        connection.execute(insert(GPU_SHARES), shares)


def processor_ms(work: Callable[[], object]) -> float:
    """What it takes of a core."""
    began_s = time.process_time()
    work()
    return (time.process_time() - began_s) * 1_000


def main() -> None:
    """Make the ledger, and print a line for each."""
    with tempfile.TemporaryDirectory() as folder:
        store = LedgerStore("sqlite:///ledger.db", Path(folder))
        for hour in range(HOURS - 1):
            add_hour(store, hour)
        kept = UsedGpuTime()

        def look(sums: UsedGpuTime = kept) -> None:
            with store.reading() as connection:
                sums.seconds(connection, "team", PERIOD)

        print(f"for the first time {min(processor_ms(lambda: look(UsedGpuTime())) for _ in range(_ROUNDS)):6.1f} ms")
        look()
        add_hour(store, HOURS - 1)
        print(f"after an hour more {processor_ms(look):6.1f} ms")
        print(f"nothing is new     {min(processor_ms(look) for _ in range(_ROUNDS)):6.1f} ms")
        store.close()


if __name__ == "__main__":
    main()
