"""What is noted of an exchange at its end: tokens and money, and which guards have seen the answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from extproc.domain.record import Coverage, ExchangeRecord, Outcome
from extproc.domain.text import Direction, TextSource
from extproc.domain.usage import Usage, cost_of
from extproc.exchange.token_counts import TokenCounts
from extproc.filters.base import ExchangeFacts, Filter, Guard
from extproc.payload.dialect import Dialect
from extproc.payload.usage import UsageReader
from extproc.payload.view import AnswerView


def measure_stream(record: ExchangeRecord, usage: UsageReader, tokens: TokenCounts) -> None:
    """Note the tokens, as the server counted them or as they are estimated from what was seen."""
    if record.metered:
        record.usage = _believed(tokens.of_stream(usage), record)


def measure_answer(record: ExchangeRecord, view: AnswerView, tokens: TokenCounts) -> None:
    """The same of an unstreamed answer."""
    if record.metered:
        record.usage = _believed(tokens.of_answer(view), record)


def _believed(usage: Usage, record: ExchangeRecord) -> Usage:
    """What of the tokens can be true."""
    believed = usage if record.usage_bounds is None else record.usage_bounds.within(usage)
    record.usage_capped = believed is not usage
    return believed


def measure_unseen(record: ExchangeRecord, dialect: Dialect, tokens: TokenCounts, now_ns: int) -> None:
    """The same where no answer came, or none that could be read: estimated from the time that it took."""
    if record.metered:
        record.usage = _believed(tokens.of_unseen(dialect, now_ns), record)


def settle(record: ExchangeRecord, tokens: TokenCounts, now_ns: int) -> None:
    """Note the end and what the tokens cost, and learn from them."""
    record.ended_ns = now_ns
    tokens.learn(now_ns)
    if record.usage is not None and record.version is not None:
        record.cost_micro_usd = cost_of(record.usage, record.version.prices)


_JUDGED_TO_THE_END = frozenset({Outcome.COMPLETED, Outcome.CUT, Outcome.UPSTREAM_ERROR})


def cover_answer(guards: Sequence[Filter], sources: Collection[TextSource], exchange: ExchangeFacts) -> None:
    """Note what became of the answer's texts before the guards that look at answers."""
    record, direction = exchange.record, Direction.RESPONSE.value
    record.text_counts[direction] = len(sources)
    whole = Coverage.CHECKED if record.outcome in _JUDGED_TO_THE_END else Coverage.SKIPPED_INCOMPLETE
    for guard in guards:
        seen = sum([guard.sees(source) for source in sources])
        if not guard.judges_out_of_band:
            record.cover(guard.name, direction, why_not_checked(guard, exchange) or whole, seen)
        record.cover(guard.name, direction, Coverage.SKIPPED_SOURCE, len(sources) - seen)


def tell_of_end(guards: Sequence[Guard], sources: Collection[TextSource], exchange: ExchangeFacts) -> Exception | None:
    """Have those that judge beside hand on the answer, and account for its texts and for what they asked in vain.

    Returns: the last failure; what has ended cannot be stopped by it.
    """
    failure = None
    whole = Coverage.CHECKED if exchange.record.outcome in _JUDGED_TO_THE_END else Coverage.SKIPPED_INCOMPLETE
    for guard in guards:
        seen = sum([guard.sees(source) for source in sources])
        try:
            guard.on_end(exchange, seen, whole, why_not_checked(guard, exchange))
        except Exception as error:
            exchange.record.cover(guard.name, Direction.RESPONSE.value, Coverage.FAILED_OPEN, seen)
            failure = error
    return failure


def why_not_checked(guard: Filter, exchange: ExchangeFacts) -> Coverage | None:
    """How a guard has failed in this exchange, or why it does not judge its answer; None where it judges."""
    if guard.name in exchange.failed_open:
        return Coverage.FAILED_OPEN
    return Coverage.FAILED_CLOSED if guard.name == exchange.failed_closed else exchange.skips.get(guard.name)


def tokens_of(record: ExchangeRecord) -> dict[str, str | int] | None:
    """The tokens, for Envoy's access log; None where they are not known."""
    if record.usage is None:
        return None
    return {"tokens_in": record.usage.prompt, "tokens_out": record.usage.completion}
