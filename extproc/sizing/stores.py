"""What stores get: calls for rate limits, transactions and bytes of a ledger, series of metrics, findings to review."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from extproc.sizing.coefficients import Coefficients
from extproc.sizing.workload import LedgerPlace, LimitPlace, Workload

DAY_S: Final = 86_400
DAYS_OF_MONTH: Final = 30
_US: Final = 1e-6


@dataclass(frozen=True, slots=True)
class LimitCalls:
    """What a Valkey gets, one for all processors.

    Attributes:
        round_trips_per_s: at most: what waits while one is on its way goes with the next.
        cores: of the Valkey, if nothing goes together; it uses one.
        cores_batched: likewise, if much goes together.
        memory_mb: if every team owes something of every limit.
    """

    calls_per_s: float
    round_trips_per_s: float
    cores: float
    cores_batched: float
    memory_mb: float


@dataclass(frozen=True, slots=True)
class LedgerWrites:
    """What a ledger gets.

    Attributes:
        transactions_per_s: each worker's spool is read by itself, at most every quarter of a second.
        server_cores: of PostgreSQL, without its disk; 0: SQLite, whose work the processors' machine does.
        spool_bytes_per_hour: that wait if the store is gone.
    """

    entries_per_s: float
    transactions_per_s: float
    server_cores: float
    spool_bytes_per_hour: float
    store_bytes_per_day: float
    parquet_bytes_per_day: float

    @property
    def store_bytes_per_month(self) -> float:
        """Of 30 days; nothing deletes entries."""
        return self.store_bytes_per_day * DAYS_OF_MONTH


@dataclass(frozen=True, slots=True)
class SeriesCount:
    """Series of metrics. ``per_pod``: if every team has used every version there; ``capped``: teams count as ``other``
    from ``identity.label_values_max`` on, and do here.
    """

    per_pod: int
    all: int
    capped: bool


def limits_for(load: Workload, of: Coefficients) -> LimitCalls | None:
    """Calls of the store of rate limits; None without one."""
    if load.limit_store is not LimitPlace.VALKEY:
        return None
    return LimitCalls(
        calls_per_s=load.requests_per_s * of["limits.calls"],
        round_trips_per_s=load.requests_per_s * of["limits.round_trips_max"],
        cores=load.requests_per_s * of["limits.server_us"] * _US,
        cores_batched=load.requests_per_s * of["limits.server_batched_us"] * _US,
        memory_mb=load.teams * load.limits * of["limits.key_bytes"] / 1e6,
    )


def ledger_for(load: Workload, of: Coefficients, workers: int) -> LedgerWrites | None:
    """Writes of the ledger; None without one. ``workers``: that run in all, each with a spool."""
    if load.ledger is LedgerPlace.NONE:
        return None
    entries = load.requests_per_s
    full = entries / of["ledger.transaction_entries_max"]
    server_us = of["ledger.postgresql_server_us"] if load.ledger is LedgerPlace.POSTGRESQL else 0.0
    return LedgerWrites(
        entries_per_s=entries,
        transactions_per_s=min(entries, full + workers / of["ledger.pause_s"]),
        server_cores=entries * server_us * _US,
        spool_bytes_per_hour=entries * 3_600 * of["ledger.spool_bytes"],
        store_bytes_per_day=entries * DAY_S * of[f"ledger.{load.ledger}_bytes"],
        parquet_bytes_per_day=entries * DAY_S * of["ledger.parquet_bytes"],
    )


def series_for(load: Workload, of: Coefficients, pods: int) -> SeriesCount:
    """Series of the metrics page of a pod, and of all pods."""
    teams = min(load.teams, load.label_values_max + 1)  # and `other`
    per_pod = (
        of["series.base"]
        + of["series.team"] * teams
        + of["series.version"] * load.versions
        + of["series.team_version"] * teams * load.versions
    )
    return SeriesCount(round(per_pod), round(per_pod) * pods, load.teams > load.label_values_max)


def findings_per_day(load: Workload) -> int:
    """That the review queue gets."""
    return math.ceil(load.requests_per_s * load.findings * DAY_S)
