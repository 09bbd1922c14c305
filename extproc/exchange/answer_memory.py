"""Completes the signals of an exchange that has ended: its values, and what only the exchanges before it show.

Nothing of a text is kept: hashes whose key is of this process alone. Each worker has a memory of its own, so of several
workers each sees a share of what was asked again. That share is the same for all versions.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from extproc.domain.gaps import gap_quantiles
from extproc.domain.record import ExchangeRecord, Outcome
from extproc.domain.signals import (
    FIRST_TOKEN,
    GAP_MEDIAN,
    GAP_P95,
    LENGTH,
    REASONING_SHARE,
    REFUSED,
    REGENERATED,
    SIMILARITY,
    TOKEN_TIME,
    AnswerSignals,
)

REQUESTS_MAX: Final = 4_096
ANSWERS_MAX: Final = 512
REGENERATED_WITHIN_NS: Final = 600_000_000_000
_GAPS_MIN: Final = 8
"""With fewer, a percentile says nothing."""
_NS: Final = 1e-9


class AnswerMemory:
    """What was asked and answered last."""

    def __init__(self) -> None:
        self._requests: OrderedDict[int, int] = OrderedDict()  # when each was asked last [ns]
        self._answers: OrderedDict[int, frozenset[int]] = OrderedDict()  # first words of the last answer, by question

    def complete(self, record: ExchangeRecord) -> None:
        """Add what the end shows. Only answers have signals, and only those that a model sent."""
        signals = record.signals
        if signals is None:
            return
        if record.sent_ns == 0 or record.outcome not in (Outcome.COMPLETED, Outcome.CUT):
            record.signals = None
            return
        if record.refusals_judged:
            signals.hits[REFUSED], signals.judged[REFUSED] = record.refusals, record.refusals_judged
        if signals.request:
            signals.judge(REGENERATED, self._is_asked_again(signals.request, record.started_ns))
        if signals.words:
            self._compare(signals)
        _measure(record, signals)

    def _is_asked_again(self, request: int, now_ns: int) -> bool:
        requests = self._requests
        before_ns = requests.get(request)
        requests[request] = now_ns
        if before_ns is None:
            if len(requests) > REQUESTS_MAX:
                requests.popitem(last=False)
            return False
        requests.move_to_end(request)
        return now_ns - before_ns <= REGENERATED_WITHIN_NS

    def _compare(self, signals: AnswerSignals) -> None:
        answers, words = self._answers, signals.words
        before = answers.get(signals.question)
        answers[signals.question] = words
        if before is None:
            if len(answers) > ANSWERS_MAX:
                answers.popitem(last=False)
            return
        answers.move_to_end(signals.question)
        common = len(before & words)
        signals.values[SIMILARITY] = common / (len(before) + len(words) - common)


def _measure(record: ExchangeRecord, signals: AnswerSignals) -> None:
    usage, values = record.usage, signals.values
    if usage is not None and record.answers:
        values[LENGTH] = usage.completion / record.answers
        if usage.reasoning:
            values[REASONING_SHARE] = usage.reasoning / max(usage.completion, 1)
    if not record.first_text_ns:
        return
    values[FIRST_TOKEN] = (record.first_text_ns - record.started_ns) * _NS
    if usage is not None and usage.completion > 1:
        values[TOKEN_TIME] = (record.last_text_ns - record.first_text_ns) * _NS / (usage.completion - 1)
    if record.pieces > _GAPS_MIN and (gaps := gap_quantiles(signals.gaps, (0.5, 0.95))):
        values[GAP_MEDIAN], values[GAP_P95] = gaps
