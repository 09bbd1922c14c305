"""Records of exchanges, as sinks get them."""

from __future__ import annotations

import time
from typing import Any

from extproc.domain.record import ExchangeRecord, Outcome, VersionFacts
from extproc.domain.trace_context import TraceContext, WorkTimes
from extproc.domain.usage import Prices, Usage

VERSION = VersionFacts("tiny", "v1", "0123456789ab", Prices(150_000, 75_000, 600_000), "helper", "ab", "cd")
TRACE = TraceContext(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0xF067AA0BA902B7, 0, sampled=True, state="")
_MS_NS = 1_000_000


def ended(**changes: Any) -> ExchangeRecord:
    """A streamed chat that ended as it should, or with these attributes."""
    now_ns = time.monotonic_ns()
    record = ExchangeRecord("id-1", "rev", now_ns - 900 * _MS_NS, endpoint="chat", team="search", policy="default")
    record.asked_model, record.version, record.streamed = "tiny", VERSION, True
    record.sent_ns, record.ended_ns = record.started_ns + _MS_NS, now_ns
    record.first_text_ns, record.last_text_ns = record.started_ns + 100 * _MS_NS, now_ns
    record.usage, record.outcome, record.status = Usage(100, 200), Outcome.COMPLETED, 200
    record.answers, record.finish_reasons, record.response_began = 1, ("stop",), True
    record.trace, record.work = TRACE, WorkTimes()
    record.work.add_request(record.started_ns, record.sent_ns, _MS_NS)
    record.work.add_response(record.first_text_ns, record.ended_ns, _MS_NS)
    for name, value in changes.items():
        setattr(record, name, value)
    return record


class Counted:
    """Counts in numbers, and keeps what is logged."""

    def __init__(self) -> None:
        self.exported: dict[tuple[str, str], int] = {}
        self.dropped: dict[str, int] = {}
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def otel_exported(self, signal: str, result: str) -> None:
        """Count."""
        self.exported[signal, result] = self.exported.get((signal, result), 0) + 1

    def otel_dropped(self, reason: str, exchanges: int) -> None:
        """Count."""
        self.dropped[reason] = self.dropped.get(reason, 0) + exchanges

    @property
    def lost(self) -> dict[str, int]:
        """What was dropped, by reason."""
        return {reason: exchanges for reason, exchanges in self.dropped.items() if exchanges}

    def info(self, event: str, **fields: Any) -> None:
        """Keep a line."""
        self.lines.append((event, fields))

    warning = error = info
