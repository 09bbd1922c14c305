"""From a report of ``make size-check ARGS=--record`` to the coefficients of ``extproc size``.

What an exchange costs is fitted by least squares of relative errors to the loads of ``SIZING_FITTED``; the others of a
report are left out, so that they judge the fit. Guards by themselves, stores and processes are taken as measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from extproc.config.review import Review
from extproc.ledger.sinks import DATABASE_PACE
from extproc.ledger.store import LedgerStore
from extproc.server.transport.long_messages import LongMessageLimits
from extproc.sizing.coefficients import ExchangeCost
from extproc.statistics.arrays import Floats
from tests.bench.loads import SIZING_FITTED

_KB: Final = 1_000
_BYTES_OF_TEXT: Final = {"chat_1k": 1.0, "chat_4k": 4.0, "document_100k": 100.0}
"""Texts of ``tests.bench.detectors``, in KB."""
_LIMITS: Final = LongMessageLimits()

Values = dict[str, dict[str, Any]]


def coefficients_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """The content of ``extproc/sizing/coefficients.json``."""
    values: Values = {}
    command = report["command"]
    for subject in report["cpu_us"]:
        cost = fitted(report, subject)
        for part in ExchangeCost.__slots__:
            source = f"{command}: fit of {', '.join(SIZING_FITTED)}"
            values[f"cpu.{subject}.{part}"] = _value(getattr(cost, part), "us", source)
    for name, value in _guards(report["parts"]):
        values[name] = _value(value, "us", f"{command}: tests.bench.detectors")
    for name, (part, unit) in _PARTS.items():
        values[name] = _value(sum(report["parts"][one] for one in part.split()), unit, f"{command}: {part}")
    values["envoy.stream_kb"] = _value(
        report["parts"]["idle_envoy_mb"] * _KB / report["parts"]["idle_streams"], "kB", f"{command}: idle_envoy_mb"
    )
    for name, (number, unit, source) in _FIXED.items():
        values[name] = _value(number, unit, source)
    return {"date": report["date"], "machine": report["machine"], "values": dict(sorted(values.items()))}


def fitted(report: Mapping[str, Any], subject: str) -> ExchangeCost:
    """What a subject takes for an exchange, by its measurements at the loads that are fitted to."""
    sizes = [load_sizes(report, name) for name in SIZING_FITTED]
    cpu_us = np.array([report["cpu_us"][subject][name] for name in SIZING_FITTED])
    rows = np.array(
        [[1.0, one["prompt_kb"], one["answer_kb"], one["streamed"], one["events"]] for one in sizes], dtype=float
    )
    return ExchangeCost(*(float(one) for one in least_squares(rows, cpu_us)))


def least_squares(rows: Floats, values: Floats) -> Floats:
    """The coefficients with the least squares of relative errors, none below 0: what would be is left out, the lowest
    first. Shapes (N, K), (N,) -> (K,).
    """
    scaled, kept = rows / values[:, None], list(range(rows.shape[1]))
    while True:
        found: Floats = np.asarray(
            np.linalg.lstsq(scaled[:, kept], np.ones(len(values)), rcond=None)[0], dtype=np.float64
        )
        if (found >= 0).all():
            break
        del kept[int(np.argmin(found * scaled[:, kept].mean(axis=0)))]
    whole = np.zeros(rows.shape[1])
    whole[kept] = found
    return whole


def load_sizes(report: Mapping[str, Any], name: str) -> dict[str, float]:
    """A load of a report, as ``ExchangeCost.of`` takes it."""
    load = report["loads"][name]
    return {
        "prompt_kb": load["prompt_bytes"] / _KB,
        "answer_kb": load["answer_bytes"] / _KB,
        "events": load["events"],
        "streamed": float(load["events"] > 0),
    }


def _guards(parts: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """A line through what each guard takes for texts of three lengths, and what it takes for an event."""
    names = {key.removeprefix("detector_us_").rpartition("_event")[0] for key in parts if key.endswith("_event")}
    names |= {key.removeprefix("detector_us_").removesuffix("_chat_1k") for key in parts if key.endswith("_chat_1k")}
    for name in sorted(names - {"all", "signals", ""}):
        points = [
            (kb, parts[key]) for text, kb in _BYTES_OF_TEXT.items() if (key := f"detector_us_{name}_{text}") in parts
        ]
        if points:
            lengths, cpu_us = (np.array(one) for one in zip(*points, strict=True))
            constant, slope = least_squares(np.stack([np.ones_like(lengths), lengths], axis=1), cpu_us)
            yield f"guard.{name}.request_us", float(constant)
            yield f"guard.{name}.kb_us", float(slope)
        if (event := f"detector_us_{name}_event") in parts:
            yield f"guard.{name}.event_us", parts[event]


def _value(value: float, unit: str, source: str) -> dict[str, Any]:
    return {"value": float(f"{value:.4g}"), "unit": unit, "source": source}


_PARTS: Final = {
    "ledger.exchange_us": ("ledger_us ledger_thread_us", "us"),
    "ledger.sqlite_entry_us": ("sqlite_entry_cpu_us", "us"),
    "ledger.postgresql_entry_us": ("postgres_entry_cpu_us", "us"),
    "ledger.postgresql_server_us": ("postgres_server_entry_cpu_us", "us"),
    "ledger.spool_bytes": ("spool_entry_bytes", "bytes"),
    "ledger.sqlite_bytes": ("sqlite_entry_bytes", "bytes"),
    "ledger.postgresql_bytes": ("postgres_entry_bytes", "bytes"),
    "ledger.parquet_bytes": ("parquet_entry_bytes", "bytes"),
    "limits.memory_us": ("limit_us", "us"),
    "limits.client_us": ("limit_store_us", "us"),
    "limits.server_us": ("limit_server_cpu_us", "us"),
    "limits.server_batched_us": ("limit_server_batched_cpu_us", "us"),
    "limits.calls": ("limit_calls", "calls"),
    "limits.round_trips_max": ("limit_round_trips_max", "round trips"),
    "limits.key_bytes": ("limit_key_bytes", "bytes"),
    "signals.answer_us": ("signals_us", "us"),
    "signals.event_us": ("signals_event_us", "us"),
    "otel.exchange_us": ("otel_us otel_thread_us", "us"),
    "memory.rest_mb": ("idle_rest_mb", "MB"),
    "memory.stream_kb": ("idle_stream_kb_each", "kB"),
    "memory.supervisor_mb": ("supervisor_rest_mb", "MB"),
    "memory.shipper_mb": ("shipper_rest_mb", "MB"),
    "series.base": ("series_base", "series"),
    "series.team": ("series_team", "series"),
    "series.version": ("series_version", "series"),
    "series.team_version": ("series_team_version", "series"),
}
"""What a report has as it is: one figure, or a sum of some."""
_FIXED: Final = {
    "ledger.transaction_entries_max": (LedgerStore.entries_max, "entries", "extproc/ledger/store.py"),
    "ledger.pause_s": (DATABASE_PACE.pause_s, "s", "extproc/ledger/sinks.py"),
    "memory.long_messages_mb_max": (
        (_LIMITS.long_bytes_max + _LIMITS.very_long_bytes_max) / 1e6,
        "MB",
        "extproc/server/transport/long_messages.py",
    ),
    "review.rows_max": (Review.model_fields["rows_max"].default, "findings", "extproc/config/review.py"),
}
"""Limits of the code."""
