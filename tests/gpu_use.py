"""Somebody has used GPUs some hours ago: it is in a ledger that a processor writes to, and is allocated."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from extproc.ledger.store import LedgerStore
from tests.hangs import HANG_S
from tests.unit.ledger.allocation.samples import MIDNIGHT_US
from tests.unit.reports.gpu_samples import busy_for

US_PER_S = 1_000_000
SETTLED_S = 3 * 3_600
"""Then any hour counts."""


def around_today() -> dict[str, str]:
    """A range of days for a budget, which has that time also just after midnight."""
    today = datetime.now(UTC).date()
    return {"first_day": f"{today - timedelta(1)}", "last_day": f"{today + timedelta(1)}"}


def use_gpus(config: Path, server: str, begin_s: int, lasts_s: int, **payer: Any) -> None:
    """One exchange, which is allocated.

    Args:
        config: with `gpus`, and with a ledger in a file next to it.
        begin_s: so long before three hours ago; two at once share a server.
    """
    store = LedgerStore("sqlite:///ledger.db", config.parent)
    begin_us = time.time_ns() // 1_000 - (SETTLED_S + begin_s) * US_PER_S
    payer["exchange"] = f"used-{begin_us}"
    store.add([busy_for(0, begin_us - MIDNIGHT_US, lasts_s * US_PER_S, server=server, **payer)])
    store.close()
    command = [sys.executable, "-m", "extproc", "allocate", "-c", str(config), "--from", "yesterday"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S, check=False)
    assert done.returncode == 0, done.stderr
