"""What a ledger costs an exchange: CPU of the event loop, and of the thread that spools."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from extproc.config.ledger import Ledger
from extproc.domain.record import ExchangeRecord, Outcome, VersionFacts
from extproc.domain.token_rates import RequestSize
from extproc.domain.usage import Prices, Usage
from extproc.ledger.sink import LedgerSink
from tests.bench.figures import Figures
from tests.bench.subjects import Places

ROUNDS, EXCHANGES = 40, 200
_MS_NS = 1_000_000


class _Unheard:
    """Takes what is counted and logged."""

    def spooled(self, entries: int) -> None:
        """Ignored."""

    def dropped(self, reason: str, entries: int) -> None:
        """Ignored."""

    def unprotected(self, exchanges: int) -> None:
        """Ignored."""

    def error(self, event: str, **fields: object) -> None:
        """Ignored."""

    warning = error


def measure_ledger(_places: Places | None = None) -> Figures:
    """``ledger_us`` of the loop, ``ledger_thread_us`` of the thread, an exchange [us]."""
    unheard, loop_us, thread_us = _Unheard(), [], []
    with tempfile.TemporaryDirectory(prefix="llm-bench-") as folder:
        sink = LedgerSink(Ledger(), Path(folder) / "spool", unheard, unheard, threaded=False)
        for number in range(ROUNDS):
            records = [_record(f"bench-{number:x}-{one:x}") for one in range(EXCHANGES)]
            started_ns = time.thread_time_ns()
            for record in records:
                sink.exchange_sent(record)
                sink.exchange_ended(record)
            ended_ns = time.thread_time_ns()
            sink.turn()
            loop_us.append((ended_ns - started_ns) / 1_000 / EXCHANGES)
            thread_us.append((time.thread_time_ns() - ended_ns) / 1_000 / EXCHANGES)
        sink.close()
    return {"ledger_us": statistics.median(loop_us), "ledger_thread_us": statistics.median(thread_us)}


_VERSION = VersionFacts("tiny", "v1", "0123456789ab", Prices(150_000, 75_000, 600_000), "helper", "ab", "cd")


def _record(exchange: str) -> ExchangeRecord:
    """A streamed chat with a finding, as most have it."""
    record = ExchangeRecord(exchange, "0123456789ab", time.monotonic_ns(), endpoint="chat", team="search")
    record.project, record.budget_code, record.identity_source = "index", "b7", "claimed"
    record.policy, record.asked_model, record.version, record.streamed = "default", "tiny", _VERSION, True
    record.sent_ns, record.ended_ns = record.started_ns + _MS_NS, record.started_ns + 900 * _MS_NS
    record.size, record.usage = RequestSize(utf8_bytes=400, turns=2), Usage(100, 200)
    record.outcome, record.status, record.answers, record.finish_reasons = Outcome.COMPLETED, 200, 1, ("stop",)
    record.findings, record.finding_count = {("pii", "response", "EMAIL"): 1}, 1
    return record
