"""Loads, and coefficients that are easy to multiply in the head."""

from __future__ import annotations

from typing import Any

from extproc.sizing.coefficients import Coefficient, Coefficients
from extproc.sizing.workload import Workload

_VALUES = {
    **{f"cpu.{name}.{part}_us": 0.0 for name in ("none", "light", "standard") for part in ("prompt_kb", "answer_kb")},
    **{"cpu.none.request_us": 200.0, "cpu.none.stream_us": 100.0, "cpu.none.event_us": 20.0},
    **{"cpu.light.request_us": 300.0, "cpu.light.stream_us": 100.0, "cpu.light.event_us": 24.0},
    **{"cpu.standard.request_us": 400.0, "cpu.standard.stream_us": 100.0, "cpu.standard.event_us": 24.0},
    **{f"cpu.{name}.{part}_us": 1.0 for name in ("envoy", "envoy_alone") for part in ("prompt_kb", "answer_kb")},
    **{"cpu.envoy.request_us": 200.0, "cpu.envoy.stream_us": 0.0, "cpu.envoy.event_us": 20.0},
    **{"cpu.envoy_alone.request_us": 80.0, "cpu.envoy_alone.stream_us": 0.0, "cpu.envoy_alone.event_us": 10.0},
    **{"guard.pii.request_us": 10.0, "guard.pii.kb_us": 0.0, "guard.pii.event_us": 2.0},
    **{"guard.refusal.event_us": 1.0, "guard.injection.request_us": 50.0, "guard.injection.kb_us": 100.0},
    **{"memory.rest_mb": 90.0, "memory.stream_kb": 15.0, "memory.supervisor_mb": 85.0, "memory.shipper_mb": 80.0},
    **{"memory.long_messages_mb_max": 67.0, "envoy.stream_kb": 80.0},
    **{"limits.memory_us": 10.0, "limits.client_us": 500.0, "limits.server_us": 100.0},
    **{"limits.server_batched_us": 50.0, "limits.calls": 2.0, "limits.round_trips_max": 1.0, "limits.key_bytes": 200.0},
    **{"ledger.exchange_us": 5.0, "ledger.sqlite_entry_us": 95.0, "ledger.postgresql_entry_us": 295.0},
    **{"ledger.postgresql_server_us": 100.0, "ledger.spool_bytes": 500.0, "ledger.sqlite_bytes": 600.0},
    **{"ledger.postgresql_bytes": 700.0, "ledger.parquet_bytes": 100.0, "ledger.transaction_entries_max": 500.0},
    **{"ledger.pause_s": 0.25, "signals.answer_us": 10.0, "signals.event_us": 0.5, "otel.exchange_us": 150.0},
    **{"series.base": 100.0, "series.team": 0.0, "series.version": 50.0, "series.team_version": 10.0},
    **{"review.rows_max": 100_000.0},
}
COEFFICIENTS = Coefficients(
    "2026-11-30", "a machine", {name: Coefficient(value, "", "made up") for name, value in _VALUES.items()}
)


def load(**changed: Any) -> Workload:
    """1,000 requests a second, half of them streams of 100 events, with changes."""
    known: dict[str, Any] = {"requests_per_s": 1_000.0, "token_bytes": 4.4, "exchange_s": 5.0}
    known |= {"streamed": 0.5, "answer_tokens": 100}
    return Workload(**(known | changed))
