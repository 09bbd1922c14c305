"""How ``extproc size`` says what a load needs, in sentences and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.cli.size_shapes import (
    CpuPartJson,
    SizedLedgerJson,
    SizedLimitsJson,
    SizedLoadJson,
    SizedProcessorsJson,
    SizeGrowthJson,
    SizeJson,
    SizeThresholdJson,
)
from extproc.cli.tables import plain_text, print_line, print_table
from extproc.sizing.coefficients import Coefficients
from extproc.sizing.processors import Processors, envoys_for, processors_for
from extproc.sizing.stores import LedgerWrites, LimitCalls, findings_per_day, ledger_for, limits_for, series_for
from extproc.sizing.thresholds import cells_for, thresholds
from extproc.sizing.waiting import messages_of, simulated_wait
from extproc.sizing.workload import GuardLevel, Workload

GROWTH: Final = (1e2, 1e3, 1e4, 1e5, 1e6, 1e7)
"""Requests a second."""
_SEED: Final = 1
_US: Final = 1e-6
_UNITS: Final = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_LARGE: Final = ((1e9, "G"), (1e6, "M"), (1e4, "k"))


def size_data(load: Workload, of: Coefficients, config: str | None, growth: bool) -> SizeJson:
    """All of it as data."""
    processors, envoys = processors_for(load, of), envoys_for(load, of)
    workers = processors.pods * load.workers
    limits, ledger = limits_for(load, of), ledger_for(load, of, workers)
    series = series_for(load, of, processors.pods)
    wait = simulated_wait(messages_of(load, of), load.utilization, np.random.default_rng(_SEED))
    return {
        "config": config,
        "load": _load_data(load),
        "measured_on": of.machine,
        "measured_at": of.date,
        "processors": _processors_data(load, processors),
        "wait": {"p50_us": wait.p50_us, "p99_us": wait.p99_us, "p999_us": wait.p999_us},
        "envoys": {
            "cores": envoys.cores,
            "cores_alone": envoys.cores_alone,
            "memory_mb": envoys.memory_mb,
            "least": envoys.least,
        },
        "limit_store": None if limits is None else _limits_data(limits),
        "ledger": None if ledger is None else _ledger_data(ledger),
        "series": {"per_pod": series.per_pod, "all": series.all, "capped": series.capped},
        "findings_per_day": findings_per_day(load),
        "cells": cells_for(load, of),
        "thresholds": [
            {
                "what": one.what,
                "requests_per_s": one.requests_per_s,
                "exceeded": load.requests_per_s > one.requests_per_s,
                "remedy": one.remedy,
            }
            for one in thresholds(load, of)
        ],
        "growth": [_growth_data(replace(load, requests_per_s=rate), of) for rate in GROWTH] if growth else [],
    }


def _load_data(load: Workload) -> SizedLoadJson:
    return {
        "requests_per_s": load.requests_per_s,
        "streamed": load.streamed,
        "prompt_tokens": load.prompt_tokens,
        "answer_tokens": load.answer_tokens,
        "exchange_s": load.exchange_s,
        "guards": [load.guards.value] if isinstance(load.guards, GuardLevel) else list(load.guards),
        "limits": load.limits,
        "limit_store": load.limit_store.value,
        "ledger": load.ledger.value,
        "signals": load.signals,
        "otel": load.otel,
        "teams": load.teams,
        "versions": load.versions,
        "label_values_max": load.label_values_max,
        "findings": load.findings,
        "workers": load.workers,
        "utilization": load.utilization,
    }


def _processors_data(load: Workload, found: Processors) -> SizedProcessorsJson:
    parts: list[CpuPartJson] = [
        {"part": name, "cpu_us": cpu_us, "cores": cpu_us * load.requests_per_s * _US}
        for name, cpu_us in found.cpu_us.items()
    ]
    return {
        "cores": found.cores,
        "parts": parts,
        "processes": found.processes,
        "pods": found.pods,
        "open_exchanges": load.open_exchanges,
        "streams_per_worker": found.streams_per_worker,
        "memory_mb": found.memory_mb,
        "memory_mb_max": found.memory_mb_max,
        "helm_values": {
            "replicas": str(found.pods),
            "resources.requests.cpu": f"{1_000 * found.pod_cores:.0f}m",
            "resources.requests.memory": f"{found.memory_mb:.0f}M",
            "resources.limits.memory": f"{found.memory_mb_max:.0f}M",
            "autoscaling.targetCPUUtilizationPercentage": f"{100 * load.utilization:.0f}",
        },
        "unmeasured": list(found.unmeasured),
    }


def _limits_data(found: LimitCalls) -> SizedLimitsJson:
    return {
        "calls_per_s": found.calls_per_s,
        "round_trips_per_s": found.round_trips_per_s,
        "cores": found.cores,
        "cores_batched": found.cores_batched,
        "memory_mb": found.memory_mb,
    }


def _ledger_data(found: LedgerWrites) -> SizedLedgerJson:
    return {
        "entries_per_s": found.entries_per_s,
        "transactions_per_s": found.transactions_per_s,
        "server_cores": found.server_cores,
        "spool_bytes_per_hour": found.spool_bytes_per_hour,
        "store_bytes_per_day": found.store_bytes_per_day,
        "store_bytes_per_month": found.store_bytes_per_month,
        "parquet_bytes_per_day": found.parquet_bytes_per_day,
    }


def _growth_data(load: Workload, of: Coefficients) -> SizeGrowthJson:
    processors = processors_for(load, of)
    limits, ledger = limits_for(load, of), ledger_for(load, of, processors.pods * load.workers)
    return {
        "requests_per_s": load.requests_per_s,
        "cores": processors.cores,
        "pods": processors.pods,
        "open_exchanges": load.open_exchanges,
        "envoy_cores": envoys_for(load, of).cores,
        "limit_cores": None if limits is None else limits.cores,
        "ledger_cores": None if ledger is None else ledger.server_cores,
        "ledger_bytes_per_day": None if ledger is None else ledger.store_bytes_per_day,
        "series": series_for(load, of, processors.pods).all,
        "cells": cells_for(load, of),
        "exceeded": [one.what for one in thresholds(load, of) if load.requests_per_s > one.requests_per_s],
    }


# --- for people ----------------------------------------------------------------------------------------------------


def print_size(console: Console, data: SizeJson) -> None:
    """Sentences, then what is full first, and the growth if it is asked for."""
    print_line(console, Text(plain_text(_asked(data)), "bold"))
    for name, sentences in _sections(data):
        print_line(console, Text(""))
        print_line(console, Text(name, "bold"))
        for sentence in sentences:
            print_line(console, Text(f"  {plain_text(sentence)}"))
    print_line(console, Text(""))
    print_line(console, Text("One of each is enough up to", "bold"))
    print_table(console, threshold_table(data["thresholds"]))
    if data["growth"]:
        print_line(console, Text(""))
        print_line(console, Text("The same mix at other rates", "bold"))
        print_table(console, growth_table(data["growth"]))
    print_line(console, Text(""))
    print_line(
        console,
        Text(
            f"Measured on {data['measured_at']} on {data['measured_on']}. docs/scale.md says what is assumed, and"
            " how to measure your machine."
        ),
    )


def _asked(data: SizeJson) -> str:
    load = data["load"]
    guards = ", ".join(load["guards"]) or "none"
    read = "" if data["config"] is None else f", by {data['config']}"
    return (
        f"{large(load['requests_per_s'])} requests/s of {load['prompt_tokens']:,} tokens, answers of"
        f" {load['answer_tokens']:,} tokens, {_percent(load['streamed'])} streamed; guards: {guards}{read}"
    )


def _sections(data: SizeJson) -> Iterator[tuple[str, list[str]]]:
    yield "Processors", list(_of_processors(data))
    envoys = data["envoys"]
    yield (
        "Envoys (not ours, measured with them)",
        [
            f"{large(envoys['cores'])} cores, of which {large(envoys['cores_alone'])} without the processor;"
            f" {bytes_in_words(envoys['memory_mb'] * 1e6)} of memory for what is open",
            f"at least {large(envoys['least'])}, or a larger `envoy.open_exchanges_max`",
        ],
    )
    yield "Stores", list(_of_stores(data))


def _of_processors(data: SizeJson) -> Iterator[str]:
    load, found, wait = data["load"], data["processors"], data["wait"]
    parts = ", ".join(f"{one['part']} {large(one['cores'])}" for one in found["parts"])
    yield f"{large(found['cores'])} cores busy: {parts}"
    if found["unmeasured"]:
        yield f"without the guards that nobody has measured: {', '.join(found['unmeasured'])}"
    yield (
        f"{large(found['processes'])} processes at {_percent(load['utilization'])} of a core each; there a message"
        f" waits {wait['p50_us'] / 1_000:.2f} ms in the median, {wait['p99_us'] / 1_000:.2f} ms at the 99th percentile"
    )
    yield (
        f"{large(found['pods'])} pods with workers: {load['workers']}, one of which may be away; a pod has"
        f" {bytes_in_words(found['memory_mb'] * 1e6)}, at most {bytes_in_words(found['memory_mb_max'] * 1e6)} with all"
        " long messages that it admits"
    )
    yield (
        f"{large(found['open_exchanges'])} exchanges open at a time ({load['exchange_s']:.1f} s each),"
        f" {large(found['streams_per_worker'])} in a process; each thread of an Envoy has a connection to each process"
    )
    yield "chart: --set " + ",".join(f"{name}={value}" for name, value in found["helm_values"].items())


def _of_stores(data: SizeJson) -> Iterator[str]:
    limits, ledger, series, load = data["limit_store"], data["ledger"], data["series"], data["load"]
    if limits is None:
        yield f"rate limits: {'none' if load['limit_store'] == 'none' else 'in memory, no store'}"
    else:
        yield (
            f"rate limits: {large(limits['calls_per_s'])} calls/s in at most {large(limits['round_trips_per_s'])} round"
            f" trips/s, {large(limits['cores_batched'])} to {large(limits['cores'])} cores of Valkey,"
            f" {bytes_in_words(limits['memory_mb'] * 1e6)} of keys"
        )
    if ledger is None:
        yield "ledger: none"
    else:
        yield (
            f"ledger: {large(ledger['entries_per_s'])} entries/s in {large(ledger['transactions_per_s'])}"
            f" transactions/s, {large(ledger['server_cores'])} cores of PostgreSQL and its disk;"
            f" {bytes_in_words(ledger['store_bytes_per_day'])} a day,"
            f" {bytes_in_words(ledger['store_bytes_per_month'])} in 30 days; as Parquet"
            f" {bytes_in_words(ledger['parquet_bytes_per_day'])} a day"
        )
        yield (f"spools: {bytes_in_words(ledger['spool_bytes_per_hour'])} for an hour without the store, over all pods")
    capped = "; teams above `identity.label_values_max` are one" if series["capped"] else ""
    yield f"metrics: {large(series['per_pod'])} series a pod, {large(series['all'])} in all{capped}"
    share = _percent(load["findings"])
    yield f"review queue: {large(data['findings_per_day'])} findings a day, at {share} of exchanges"
    if data["cells"] > 1:
        yield f"so at least {large(data['cells'])} cells, each with stores and a Prometheus of its own"


def threshold_table(found: Sequence[SizeThresholdJson]) -> Table:
    """What is full first at the front; what is exceeded is marked."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("requests/s", justify="right", no_wrap=True)
    table.add_column("one", overflow="fold")
    table.add_column("above it", overflow="fold")
    for one in found:
        mark = Text("!", "yellow") if one["exceeded"] else Text("")
        table.add_row(mark, large(one["requests_per_s"]), one["what"], one["remedy"])
    return table


def growth_table(rows: Sequence[SizeGrowthJson]) -> Table:
    """A row for each rate."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in GROWTH_COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for one in rows:
        table.add_row(*growth_cells(one))
    return table


GROWTH_COLUMNS: Final = (
    *("requests/s", "cores", "pods", "open", "Envoy cores", "Valkey cores", "PostgreSQL cores", "ledger a day"),
    *("series", "cells"),
)


def growth_cells(one: SizeGrowthJson) -> list[str]:
    """A row of figures, as people read them."""
    stored = one["ledger_bytes_per_day"]
    return [
        *(large(one["requests_per_s"]), large(one["cores"]), large(one["pods"]), large(one["open_exchanges"])),
        large(one["envoy_cores"]),
        *("-" if value is None else large(value) for value in (one["limit_cores"], one["ledger_cores"])),
        "-" if stored is None else bytes_in_words(stored),
        *(large(one["series"]), large(one["cells"])),
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def large(number: float) -> str:
    """A number with two to four digits: 0.21, 3.4, 38, 4,100, 12 k, 3.4 M."""
    for unit, name in _LARGE:
        if number >= unit:
            scaled = number / (1e3 if name == "k" else unit)
            return f"{scaled:.3g} {name}" if scaled < 1_000 else f"{scaled:,.0f} {name}"
    if number >= 10 or number == int(number):
        return f"{number:,.0f}"
    return f"{number:.2g}"


def bytes_in_words(number: float) -> str:
    """Bytes in units of a thousand."""
    for unit, name in _UNITS:
        if number >= unit:
            return f"{number / unit:.3g} {name}" if number < 1_000 * unit else f"{number / unit:,.0f} {name}"
    return f"{number:.0f} bytes"
