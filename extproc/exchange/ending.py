"""Completes the record at the end of an exchange: tokens, cost, and each guard's coverage of the response."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from extproc.domain.record import Coverage, ExchangeRecord, Outcome
from extproc.domain.text import Direction, Kind, TextSource
from extproc.domain.usage import Usage, cost_of
from extproc.exchange.token_counts import TokenCounts
from extproc.filters.base import ExchangeContext, Filter, Guard
from extproc.payload.dialect import Dialect
from extproc.payload.usage import UsageReader
from extproc.payload.view import ResponseView


def measure_stream(record: ExchangeRecord, usage: UsageReader, tokens: TokenCounts) -> None:
    """Record the tokens, as the server counted them or as estimated from the observed text."""
    if record.metered:
        record.usage, record.prompt_reported = _believed(tokens.of_stream(usage), record), usage.prompt_reported


def measure_response(record: ExchangeRecord, view: ResponseView, tokens: TokenCounts) -> None:
    """Like ``measure_stream``, for an unstreamed response."""
    if record.metered:
        record.usage = _believed(tokens.of_response(view), record)


def _believed(usage: Usage, record: ExchangeRecord) -> Usage:
    """The usage, limited to plausible values."""
    believed = usage if record.usage_bounds is None else record.usage_bounds.within(usage)
    record.usage_capped = believed is not usage
    return believed


def measure_unseen(record: ExchangeRecord, dialect: Dialect, tokens: TokenCounts, now_ns: int) -> None:
    """Like ``measure_stream``, for a response that is missing or unreadable: estimated from its duration."""
    if record.metered:
        record.usage = _believed(tokens.of_unseen(dialect, now_ns), record)


def note_tool_calls(record: ExchangeRecord, sources: Collection[TextSource]) -> None:
    """Count the tool calls of a response, by their names."""
    record.tool_calls = len({(one.choice, one.part) for one in sources if one.kind is Kind.NAME})


def settle(record: ExchangeRecord, tokens: TokenCounts, now_ns: int) -> None:
    """Record the end, the cost of the tokens, and what a tokenizer may count; update the learned rates."""
    record.ended_ns = now_ns
    tokens.learn(now_ns)
    if record.usage is not None and record.version is not None:
        record.cost_micro_usd = cost_of(record.usage, record.version.prices)
    if tokens.texts is not None:
        record.uncounted = tokens.texts.uncounted(record, tokens.size)


_JUDGED_TO_THE_END: Final = frozenset({Outcome.COMPLETED, Outcome.CUT, Outcome.UPSTREAM_ERROR})


def note_response_coverage(
    guards: Sequence[Filter], sources: Collection[TextSource], exchange: ExchangeContext
) -> None:
    """Record the coverage of the response's texts at the guards that check responses."""
    record, direction = exchange.record, Direction.RESPONSE.value
    record.text_counts[direction] = len(sources)
    whole = Coverage.CHECKED if record.outcome in _JUDGED_TO_THE_END else Coverage.SKIPPED_INCOMPLETE
    for guard in guards:
        seen = sum([guard.applies_to(source) for source in sources])
        if not guard.judges_out_of_band:
            record.note_coverage(guard.name, direction, why_not_checked(guard, exchange) or whole, seen)
        record.note_coverage(guard.name, direction, Coverage.SKIPPED_SOURCE, len(sources) - seen)


def note_skipped(guards: Sequence[Guard], direction: Direction, record: ExchangeRecord) -> None:
    """Record the coverage of the texts at the guards that a hop in front applies."""
    texts = record.text_counts.get(direction.value, 0)
    for guard in guards:
        if direction in guard.directions:
            record.note_coverage(guard.name, direction.value, Coverage.SKIPPED_IN_FRONT, texts)


def finish_guards(
    guards: Sequence[Guard], sources: Collection[TextSource], exchange: ExchangeContext
) -> Exception | None:
    """Let guards that work out of band hand over the response; account for its texts and for checks without a verdict.

    Returns: the last failure; it cannot stop an exchange that has ended.
    """
    failure = None
    whole = Coverage.CHECKED if exchange.record.outcome in _JUDGED_TO_THE_END else Coverage.SKIPPED_INCOMPLETE
    for guard in guards:
        seen = sum([guard.applies_to(source) for source in sources])
        try:
            guard.on_end(exchange, seen, whole, why_not_checked(guard, exchange))
        except Exception as error:
            exchange.record.note_coverage(guard.name, Direction.RESPONSE.value, Coverage.FAILED_OPEN, seen)
            failure = error
    return failure


def why_not_checked(guard: Filter, exchange: ExchangeContext) -> Coverage | None:
    """How a guard failed in this exchange, or why it does not check its response; None where it does."""
    if guard.name in exchange.failed_open:
        return Coverage.FAILED_OPEN
    return Coverage.FAILED_CLOSED if guard.name == exchange.failed_closed else exchange.skipped(guard.name)


def tokens_of(record: ExchangeRecord) -> dict[str, str | int] | None:
    """The tokens, for Envoy's access log; after a fallback also the version that they are of. None if unknown."""
    tokens: dict[str, str | int] = {}
    if record.usage is not None:
        tokens = {"tokens_in": record.usage.prompt, "tokens_out": record.usage.completion}
    if record.chosen is not None and record.version is not None:
        served, steps = record.version, record.fallbacks
        tokens |= {"model": served.model, "version": served.version, "fingerprint": served.fingerprint}
        if steps:
            tokens |= {"fallback_from": steps[0][0], "fallback_reason": steps[0][2]}
    return tokens or None
