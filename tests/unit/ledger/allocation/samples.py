"""A day of two servers, and by what it is allocated."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection

from extproc.allocation.intervals import Intervals
from extproc.allocation.methods import DEFAULT_METHOD
from extproc.allocation.server_samples import ServerSamples
from extproc.allocation.server_time import ServerLife
from extproc.allocation.slices import HOUR_US, GpuTerms
from extproc.allocation.step_costs import TYPICAL
from extproc.ledger.allocation.dividing import AllocationTerms, ServerTerms
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.entry import LedgerEntry
from tests.unit.ledger.samples import NOON_US, entry

MIDNIGHT_US: Final = NOON_US - 12 * HOUR_US
DAY: Final = (MIDNIGHT_US, MIDNIGHT_US + DAY_US)
ONE, OTHER, STRANGE = "10.0.0.7:8000", "10.0.0.8:8000", "10.0.0.9:8000"
PRICE: Final = 2_500_000_000
"""2.50 an hour."""
SERVERS: Final[Mapping[str, ServerTerms]] = {
    ONE: ServerTerms("H100", "USD", (GpuTerms(0, 2, PRICE),)),
    OTHER: ServerTerms("L4", "USD", (GpuTerms(0, 1, None),)),
}


def ran(number: int, begin_us: int, lasts_us: int, **changed: Any) -> LedgerEntry:
    """An exchange of a server, from a time of the day on; its first token came after a tenth of its time."""
    at_us = MIDNIGHT_US + begin_us
    times = {
        "started_at_us": at_us - 2_000,
        "sent_at_us": at_us,
        "first_token_at_us": at_us + lasts_us // 10,
        "ended_at_us": at_us + lasts_us,
    }
    return entry(**({"exchange": f"e-{number}", "server": ONE, "chosen": ""} | times | changed))


def day_of_traffic(exchanges: int, seed: int = 1) -> list[LedgerEntry]:
    """Of two servers and three teams, in the first six hours."""
    chance = random.Random(seed)
    found = []
    for number in range(exchanges):
        lasts_us = chance.randrange(100_000, 60_000_000)
        found.append(
            ran(
                number,
                chance.randrange(-HOUR_US // 60, 6 * HOUR_US),
                lasts_us,
                server=chance.choice([ONE, OTHER]),
                team=chance.choice(["search", "chat", "batch"]),
                prompt_tokens=chance.randrange(10, 8_000),
                cached_tokens=0,
                completion_tokens=chance.randrange(1, 900),
            )
        )
    return found


def terms(
    servers: Mapping[str, ServerTerms] = SERVERS,
    method: str = DEFAULT_METHOD,
    alive: Sequence[str] = (ONE, OTHER),
    samples: Mapping[str, ServerSamples] = MappingProxyType({}),
) -> AllocationTerms:
    """With servers that lived all day."""

    def lives(_: Connection, begin_us: int, end_us: int) -> Mapping[str, ServerLife]:
        exists = Intervals.union(np.array([begin_us]), np.array([end_us]))
        return {name: ServerLife(exists, Intervals.none(), Intervals.none()) for name in alive}

    def samples_between(_: Connection, server: str, begin_us: int, end_us: int) -> ServerSamples:
        return samples.get(server, ServerSamples.of(())).between(begin_us, end_us)

    return AllocationTerms(method, servers.get, lives, samples_between, lambda *_: TYPICAL)
