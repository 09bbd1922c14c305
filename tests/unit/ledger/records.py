"""Records of exchanges to try the ledger with."""

from __future__ import annotations

from typing import Any

from extproc.domain.record import ExchangeRecord, Outcome, VersionFacts
from extproc.domain.token_rates import RequestSize
from extproc.domain.usage import Prices, Usage, cost_of

STARTED_NS = 5_000_000_000  # any machine has run for longer
MS_NS = 1_000_000
VERSION = VersionFacts("tiny", "v1", "f1", Prices(1_000_000, 500_000, 2_000_000), "helper", "p1", "c1")


def record_of(exchange: str = "ab12-1", **changed: Any) -> ExchangeRecord:
    """An exchange that was completed, with some fields changed."""
    record = ExchangeRecord(exchange, "r1", STARTED_NS)
    record.sent_ns = STARTED_NS + 2 * MS_NS
    record.first_text_ns = STARTED_NS + 50 * MS_NS
    record.ended_ns = STARTED_NS + 900 * MS_NS
    record.endpoint, record.team, record.project, record.identity_source = "chat", "search", "index", "claimed"
    record.policy, record.asked_model, record.version = "default", "fast", VERSION
    record.size = RequestSize(utf8_bytes=440, turns=2)
    record.usage, record.metered = Usage(100, 7, 40, 2), True
    record.cost_micro_usd = cost_of(record.usage, VERSION.prices)
    record.outcome, record.status, record.answers, record.finish_reasons = Outcome.COMPLETED, 200, 1, ("stop",)
    record.request_bytes, record.response_bytes = 300, 4_000
    for name, value in changed.items():
        setattr(record, name, value)
    return record
