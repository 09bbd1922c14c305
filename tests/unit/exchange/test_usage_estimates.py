"""What an exchange is likely to use: by its size, by what it asks for, and by what answers were like."""

from __future__ import annotations

from extproc.domain.record import ExchangeRecord, Outcome, VersionFacts
from extproc.domain.token_rates import START, RequestSize
from extproc.domain.usage import Prices, Usage
from extproc.exchange.answer_lengths import ANSWER_TOKENS_START, AnswerLengths
from extproc.exchange.token_counts import TokenCounts
from extproc.exchange.usage_estimates import NOTHING, estimated_usage, learn_length

VERSION = VersionFacts("tiny", "v1", "", Prices(1, 1, 1))
SIZE = RequestSize(utf8_bytes=440, turns=2, choices=2)


def exchange(**changed: object) -> tuple[ExchangeRecord, TokenCounts]:
    """One of the team search, and its counts."""
    record = ExchangeRecord("a", "", 0, endpoint="chat", team="search", version=VERSION)
    for name, value in changed.items():
        setattr(record, name, value)
    return record, TokenCounts(record, None)


def test_an_estimate_is_bounded_by_what_is_asked_for() -> None:
    """For each choice; an embedding has no answer, and `count_tokens` takes nothing."""
    lengths, (record, tokens) = AnswerLengths(), exchange()
    prompt = START.prompt_tokens(SIZE)
    assert estimated_usage(record, tokens, SIZE, lengths) == Usage(prompt, 2 * ANSWER_TOKENS_START)
    short = RequestSize(utf8_bytes=440, turns=2, choices=2, answer_tokens_max=7)
    assert estimated_usage(record, tokens, short, lengths) == Usage(prompt, 14)
    embedding = RequestSize(utf8_bytes=440, turns=2, choices=0)
    assert estimated_usage(record, tokens, embedding, lengths) == Usage(prompt, 0)
    record.endpoint = "count_tokens"
    assert estimated_usage(record, tokens, SIZE, lengths) is NOTHING


def test_it_learns_from_answers_that_were_counted() -> None:
    """Not from estimates, nor from what was cut."""
    lengths = AnswerLengths()
    ignored: list[dict[str, object]] = [
        {"usage": None},
        {"usage": Usage(1, 40, estimated=True), "outcome": Outcome.COMPLETED},
        {"usage": Usage(1, 40), "outcome": Outcome.CUT},
        {"usage": Usage(1, 40), "outcome": Outcome.COMPLETED, "version": None},
    ]
    for changed in ignored:
        record, tokens = exchange(**changed)
        tokens.size = SIZE
        learn_length(record, tokens, lengths)
    assert len(lengths) == 0
    record, tokens = exchange(usage=Usage(1, 40), outcome=Outcome.COMPLETED)
    tokens.size = SIZE
    learn_length(record, tokens, lengths)
    assert lengths.expected("search", "tiny/v1", "chat") == 40  # twenty a choice, and as much for the spread
