"""What an exchange is likely to use, before its answer is known: for rate limits and budgets."""

from __future__ import annotations

from typing import Final

from extproc.domain.record import ExchangeRecord, Outcome
from extproc.domain.token_rates import RequestSize
from extproc.domain.usage import Usage
from extproc.exchange.answer_lengths import AnswerLengths
from extproc.exchange.token_counts import TokenCounts

NOTHING: Final = Usage(0, 0)
COUNTS_NOTHING: Final = "count_tokens"
"""An endpoint that generates nothing, and costs nothing."""


def estimated_usage(record: ExchangeRecord, tokens: TokenCounts, size: RequestSize, lengths: AnswerLengths) -> Usage:
    """The prompt by its size, and an answer as long as recent ones of its team, at most as long as it asks for."""
    if record.endpoint == COUNTS_NOTHING:
        return NOTHING
    prompt = tokens.rates().prompt_tokens(size)
    if not size.choices:
        return Usage(prompt, 0)
    version = "" if record.version is None else record.version.name
    answer = lengths.expected(record.team, version, record.endpoint)
    if size.answer_tokens_max:
        answer = min(answer, size.answer_tokens_max)
    return Usage(prompt, answer * size.choices)


def learn_length(record: ExchangeRecord, tokens: TokenCounts, lengths: AnswerLengths) -> None:
    """Learn from an exchange that has ended, if its server counted its answer."""
    usage, version, choices = record.usage, record.version, tokens.size.choices
    if version is None or usage is None or usage.estimated or not choices:
        return
    if record.outcome is Outcome.COMPLETED:
        lengths.learn(record.team, version.name, record.endpoint, usage.completion / choices)
