"""What the page says of signals."""

from __future__ import annotations

from prometheus_client import generate_latest

from extproc.domain.record import ExchangeRecord, Outcome
from extproc.domain.signals import ASKS_BACK, EMPTY, GAP_P95, LENGTH, SIMILARITY, AnswerSignals
from extproc.sinks.metrics import Metrics


def page_of(*answers: AnswerSignals | None) -> list[str]:
    """The page after these answers."""
    metrics = Metrics(label_values_max=10)
    for answer in answers:
        record = ExchangeRecord("one", "", 0, outcome=Outcome.COMPLETED, route="day", signals=answer)
        metrics.exchange_ended(record)
    return generate_latest(metrics.registry).decode().splitlines()


def test_rates_are_two_counters() -> None:
    """What was not judged has no series, what was judged and is not so has one of 0."""
    one, two = AnswerSignals(), AnswerSignals()
    for answer in (one, two):
        answer.judge(EMPTY, False)
    two.judge(ASKS_BACK, True)
    two.judge(ASKS_BACK, False)
    labels = 'fingerprint="none",model="none",route="day"'
    lines = [line for line in page_of(one, two, None) if line.startswith("llm_answer_signals")]
    assert sorted(lines) == [
        f'llm_answer_signals_judged_total{{{labels},signal="asks_back",version="none"}} 2.0',
        f'llm_answer_signals_judged_total{{{labels},signal="empty",version="none"}} 2.0',
        f'llm_answer_signals_total{{{labels},signal="asks_back",version="none"}} 1.0',
        f'llm_answer_signals_total{{{labels},signal="empty",version="none"}} 0.0',
    ]


def test_values_are_histograms() -> None:
    """But for those that have a metric already."""
    answer = AnswerSignals(values={SIMILARITY: 0.7, GAP_P95: 0.04, LENGTH: 12.0})
    found = [line for line in page_of(answer) if "_sum{" in line and 'route="day"' in line]
    assert [line.partition("{")[0] for line in found] == ["llm_stream_gap_p95_seconds_sum", "llm_answer_similarity_sum"]
    assert [float(line.rpartition(" ")[2]) for line in found] == [0.04, 0.7]
