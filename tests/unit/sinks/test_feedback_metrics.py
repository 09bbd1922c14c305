"""What the page says of feedback."""

from __future__ import annotations

from prometheus_client import generate_latest

from extproc.domain.record import ExchangeRecord, Outcome
from extproc.sinks.metrics import Metrics


def lines_of(metrics: Metrics) -> list[str]:
    """The series of feedback."""
    page = generate_latest(metrics.registry).decode().splitlines()
    return sorted(line for line in page if line.startswith("llm_user_feedback"))


def refused(endpoint: str, reason: str, refusal: str = "") -> ExchangeRecord:
    """A request that was refused, or not."""
    record = ExchangeRecord("one", "", 0, endpoint=endpoint, outcome=Outcome.REJECTED)
    record.reason, record.feedback_refusal = reason, refusal
    return record


def test_feedback_by_type_and_version() -> None:
    """Of a version that answered."""
    metrics = Metrics(label_values_max=10)
    for kind in ("negative", "negative", "copy"):
        metrics.feedback.given(kind, "tiny", "v2")
    assert lines_of(metrics) == [
        'llm_user_feedback_total{feedback_type="copy",model="tiny",version="v2"} 1.0',
        'llm_user_feedback_total{feedback_type="negative",model="tiny",version="v2"} 2.0',
    ]


def test_refused_feedback_by_reason() -> None:
    """Whose exchange it was is told here only; other requests have reasons of their own."""
    metrics = Metrics(label_values_max=10)
    for record in (
        refused("feedback", "exchange_not_found", "foreign"),
        refused("feedback", "exchange_not_found", "not_found"),
        refused("feedback", "invalid_feedback"),
        refused("feedback", ""),
        refused("chat", "invalid_json"),
    ):
        metrics.exchange_ended(record)
    assert lines_of(metrics) == [
        f'llm_user_feedback_refused_total{{reason="{reason}"}} 1.0'
        for reason in ("foreign", "invalid_feedback", "not_found")
    ]
