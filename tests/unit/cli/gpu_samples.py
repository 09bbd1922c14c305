"""GPU time that is allocated in the ledger of the samples."""

from __future__ import annotations

from typing import Final

import numpy as np
from sqlalchemy import Connection

from extproc.allocation.intervals import Intervals
from extproc.allocation.server_samples import ServerSamples
from extproc.allocation.server_time import ServerLife
from extproc.allocation.slices import HOUR_US, GpuTerms
from extproc.allocation.step_costs import TYPICAL
from extproc.ledger.allocation.allocating import allocate_day
from extproc.ledger.allocation.dividing import AllocationTerms, ServerTerms
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.store import LedgerStore

SERVER: Final = "127.0.0.1:8001"
JANUARY_5_US: Final = 1_767_571_200_000_000
METHOD: Final = "even_ps"
"""Not the one that commands take by default."""


def allocate_january(ledger: LedgerStore) -> None:
    """Two days: a server with two GPUs starts from nine to ten, and runs until eleven, then until twelve."""

    def lives(_: Connection, begin_us: int, __: int) -> dict[str, ServerLife]:
        nine = np.array([begin_us + 9 * HOUR_US])
        lived = 2 if begin_us == JANUARY_5_US else 3
        exists, starting = (Intervals.union(nine, nine + hours * HOUR_US) for hours in (lived, 1))
        return {SERVER: ServerLife(exists, starting, Intervals.none())}

    server = ServerTerms("H100-80GB", "USD", (GpuTerms(0, 2, 2_500_000_000),))
    terms = AllocationTerms(METHOD, {SERVER: server}.get, lives, lambda *_: ServerSamples.of(()), lambda *_: TYPICAL)
    for day_us in (JANUARY_5_US, JANUARY_5_US + DAY_US):
        allocate_day(ledger, terms, (day_us, day_us + DAY_US), day_us + DAY_US)
