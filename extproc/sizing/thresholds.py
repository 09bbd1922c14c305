"""What is full first as a load grows, and what to do then."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from extproc.sizing.coefficients import Coefficients
from extproc.sizing.processors import exchange_cpu_us, worker_us
from extproc.sizing.stores import DAY_S, DAYS_OF_MONTH, series_for
from extproc.sizing.workload import LedgerPlace, LimitPlace, Workload

POSTGRESQL_CORES: Final = 16
"""Of one server. An assumption, as are the next two: only what an entry takes was measured."""
POSTGRESQL_BYTES: Final = 10_000_000_000_000
"""Of the entries that one server keeps, and for how long: nothing deletes them but you."""
PROMETHEUS_SERIES: Final = 5_000_000
"""Of one Prometheus."""
_US: Final = 1e6


@dataclass(frozen=True, slots=True)
class Threshold:
    """Something that one of is enough for, up to some rate.

    Attributes:
        what: of which one is meant.
        requests_per_s: up to which it is enough, for this mix of requests.
        remedy: what to do above it.
    """

    what: str
    requests_per_s: float
    remedy: str


def thresholds(load: Workload, of: Coefficients) -> list[Threshold]:
    """All of them, what is full first at the front. They depend on the mix of a load and not on its rate."""
    worker = load.utilization * _US / worker_us(exchange_cpu_us(load, of))
    found = [
        Threshold("worker", worker, "more workers or pods; they share nothing but stores"),
        Threshold(
            f"Envoy that may have {load.open_exchanges_max:,} exchanges open",
            load.open_exchanges_max / load.exchange_s,
            "more Envoys, or envoy.open_exchanges_max: further requests get 503",
        ),
        _prometheus(load, of),
    ]
    if load.limit_store is LimitPlace.VALKEY:
        found.append(
            Threshold(
                "Valkey for rate limits",
                load.utilization * _US / of["limits.server_us"],
                "a Valkey for each cell, with the teams of that cell: no limit spans two",
            )
        )
    if load.ledger is LedgerPlace.SQLITE:
        found.append(Threshold("machine with a ledger in SQLite", worker * load.workers, "PostgreSQL"))
    if load.ledger is LedgerPlace.POSTGRESQL:
        found += [
            Threshold(
                f"PostgreSQL of {POSTGRESQL_CORES} cores for the ledger",
                load.utilization * POSTGRESQL_CORES * _US / of["ledger.postgresql_server_us"],
                "a ledger for each cell; reports over all of them from Parquet",
            ),
            Threshold(
                f"disk of {POSTGRESQL_BYTES // 10**12} TB for {DAYS_OF_MONTH} days of the ledger",
                POSTGRESQL_BYTES / (DAYS_OF_MONTH * DAY_S * of["ledger.postgresql_bytes"]),
                "keep fewer days in PostgreSQL, and the others as Parquet",
            ),
        ]
    if load.findings:
        found.append(
            Threshold(
                "review queue, with nobody looking for a day",
                of["review.rows_max"] / (load.findings * DAY_S),
                "review a sample: the oldest findings are deleted, unlabeled ones first",
            )
        )
    return sorted(found, key=lambda one: one.requests_per_s)


def cells_for(load: Workload, of: Coefficients) -> int:
    """Into how many independent cells a load must be divided, at least. Each has stores and a Prometheus of its own."""
    shared = ("Valkey", "PostgreSQL", "Prometheus")
    first = min(one.requests_per_s for one in thresholds(load, of) if one.what.startswith(shared))
    return max(1, math.ceil(load.requests_per_s / first))


def _prometheus(load: Workload, of: Coefficients) -> Threshold:
    """Series grow with pods, and pods with the rate."""
    per_pod = series_for(load, of, 1).per_pod
    pods = max(1, PROMETHEUS_SERIES // per_pod - 1)
    rate = pods * load.workers * load.utilization * _US / worker_us(exchange_cpu_us(load, of))
    remedy = "a Prometheus for each cell, fewer teams (identity.teams), or more workers in a pod"
    return Threshold(f"Prometheus of {PROMETHEUS_SERIES:,} series", rate, remedy)
