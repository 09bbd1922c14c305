"""The shape of what ``extproc size`` prints with ``--json``; ``shapes`` lists all of them."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict


class SizedLoadJson(TypedDict):
    """What was asked for, with defaults and what a configuration says."""

    requests_per_s: Annotated[float, "of all processors"]
    streamed: Annotated[float, "share of requests with a streamed answer"]
    prompt_tokens: Annotated[int, "of a request"]
    answer_tokens: Annotated[int, "of an answer; one event of a stream each"]
    exchange_s: Annotated[float, "mean time from request to the end of the answer [s]"]
    guards: Annotated[list[str], "`none`, `light` or `standard`; or the guards of a configuration"]
    limits: Annotated[int, "rate limits of a request"]
    limit_store: Annotated[Literal["none", "memory", "valkey"], "where they are counted; `none`: there are none"]
    ledger: Annotated[Literal["none", "sqlite", "postgresql"], "where entries go"]
    signals: Annotated[bool, "whether signals of answers are measured"]
    otel: Annotated[bool, "whether each exchange has spans"]
    teams: Annotated[int, "callers that are told apart"]
    versions: Annotated[int, "of all models"]
    label_values_max: Annotated[int, "from here on teams count as `other` in metrics"]
    findings: Annotated[float, "share of exchanges that go to the review queue"]
    workers: Annotated[int, "processes of a pod"]
    utilization: Annotated[float, "share of a core that a worker is to use"]


class CpuPartJson(TypedDict):
    """What a part of the work takes."""

    part: Annotated[str, "what it is for"]
    cpu_us: Annotated[float, "an exchange [us]"]
    cores: Annotated[float, "of all exchanges"]


class SizedProcessorsJson(TypedDict):
    """Processors."""

    cores: Annotated[float, "busy on average"]
    parts: Annotated[list[CpuPartJson], "what that is for"]
    processes: Annotated[int, "workers, each below the utilization"]
    pods: Annotated[int, "with `workers` each, and one more, which may be away"]
    open_exchanges: Annotated[float, "at a time, in all"]
    streams_per_worker: Annotated[float, "of these, in one worker"]
    memory_mb: Annotated[float, "of a pod [10^6 bytes]"]
    memory_mb_max: Annotated[float, "likewise, with all long messages that it admits"]
    helm_values: Annotated[dict[str, str], "values of the chart that say the same"]
    unmeasured: Annotated[list[str], "guards whose cost nobody has measured: they are in no figure"]


class SizedWaitJson(TypedDict):
    """How long a message waits in a worker, by simulation."""

    p50_us: Annotated[float, "median [us]"]
    p99_us: Annotated[float, "99th percentile [us]"]
    p999_us: Annotated[float, "99.9th percentile [us]"]


class SizedEnvoysJson(TypedDict):
    """Envoys, proxying included. They are not ours; this is what they took in the same measurement."""

    cores: Annotated[float, "busy on average"]
    cores_alone: Annotated[float, "likewise, without the processor"]
    memory_mb: Annotated[float, "of open exchanges, over all Envoys [10^6 bytes]"]
    least: Annotated[int, "Envoys, by `envoy.open_exchanges_max`"]


class SizedLimitsJson(TypedDict):
    """A Valkey for rate limits."""

    calls_per_s: Annotated[float, "of scripts"]
    round_trips_per_s: Annotated[float, "at most; under load several calls go together"]
    cores: Annotated[float, "of its one thread, if no calls go together"]
    cores_batched: Annotated[float, "likewise, if 64 requests go together"]
    memory_mb: Annotated[float, "if every team owes something of every limit"]


class SizedLedgerJson(TypedDict):
    """A ledger."""

    entries_per_s: Annotated[float, "one an exchange"]
    transactions_per_s: Annotated[float, "of all that ship"]
    server_cores: Annotated[float, "of PostgreSQL, without its disk; 0 of SQLite"]
    spool_bytes_per_hour: Annotated[float, "that wait in all spools if the store is gone"]
    store_bytes_per_day: Annotated[float, "with indexes"]
    store_bytes_per_month: Annotated[float, "of 30 days"]
    parquet_bytes_per_day: Annotated[float, "if it is written as Parquet too"]


class SizedSeriesJson(TypedDict):
    """Series of metrics."""

    per_pod: Annotated[int, "if each team has used each version there"]
    all: Annotated[int, "of all pods"]
    capped: Annotated[bool, "more teams than `identity.label_values_max`: the others are one series"]


class SizeThresholdJson(TypedDict):
    """Something that one of is enough for, up to some rate."""

    what: Annotated[str, "of which one is meant"]
    requests_per_s: Annotated[float, "up to which it is enough, for this mix"]
    exceeded: Annotated[bool, "by this load"]
    remedy: Annotated[str, "what to do above it"]


class SizeGrowthJson(TypedDict):
    """The same mix at another rate."""

    requests_per_s: Annotated[float, "of all processors"]
    cores: Annotated[float, "of processors, busy on average"]
    pods: Annotated[int, "of processors"]
    open_exchanges: Annotated[float, "at a time"]
    envoy_cores: Annotated[float, "of Envoys"]
    limit_cores: Annotated[float | None, "of Valkey, if no calls go together; null: there is none"]
    ledger_cores: Annotated[float | None, "of PostgreSQL; null: there is none"]
    ledger_bytes_per_day: Annotated[float | None, "of the ledger's store; null: there is none"]
    series: Annotated[int, "of all pods"]
    cells: Annotated[int, "independent parts with stores of their own"]
    exceeded: Annotated[list[str], "what one of is not enough for"]


class SizeJson(TypedDict):
    """``size``."""

    config: Annotated[str | None, "the configuration that was read; null: none"]
    load: SizedLoadJson
    measured_on: Annotated[str, "the machine whose cores are meant"]
    measured_at: Annotated[str, "the day"]
    processors: SizedProcessorsJson
    wait: SizedWaitJson
    envoys: SizedEnvoysJson
    limit_store: Annotated[SizedLimitsJson | None, "null: no store"]
    ledger: Annotated[SizedLedgerJson | None, "null: no ledger"]
    series: SizedSeriesJson
    findings_per_day: Annotated[int, "that the review queue gets"]
    cells: Annotated[int, "independent parts with stores of their own, at least"]
    thresholds: Annotated[list[SizeThresholdJson], "what is full first at the front"]
    growth: Annotated[list[SizeGrowthJson], "from 100 to 10,000,000 requests/s, with `--growth`; otherwise empty"]
