"""What is noted of an exchange at its end: tokens and money, and which filters have seen the answer."""

from __future__ import annotations

from collections.abc import Sequence

from extproc.domain.record import Coverage, ExchangeRecord, Outcome
from extproc.domain.usage import cost_of
from extproc.filters.base import ExchangeFacts, Filter, Guard
from extproc.payload.dialect import Dialect
from extproc.payload.usage import UsageReader
from extproc.payload.view import AnswerView


def measure(record: ExchangeRecord, usage: UsageReader, prompt_utf8_bytes: int) -> None:
    """Note the tokens, as the server counted them or as they are estimated from what was seen."""
    if record.metered:
        record.usage = usage.result(prompt_utf8_bytes)


def measure_answer(record: ExchangeRecord, view: AnswerView | None, dialect: Dialect, prompt_utf8_bytes: int) -> None:
    """Note the tokens of an unstreamed answer; of none (None), or of one that could not be read, the prompt's."""
    usage = dialect.stream({}).usage
    if view is not None:
        usage.final(view.usage)
        for slot in view.slots:
            usage.piece(slot.source.choice, slot.text)
    measure(record, usage, prompt_utf8_bytes)


def settle(record: ExchangeRecord, now_ns: int) -> None:
    """Note the end and what the tokens cost."""
    record.ended_ns = now_ns
    if record.usage is not None and record.version is not None:
        record.cost_micro_usd = cost_of(record.usage, record.version.prices)


def cover_answer(record: ExchangeRecord, filters: Sequence[Filter], streaming: bool) -> None:
    """Note which of the filters that look at answers have seen this one."""
    if record.outcome in (Outcome.COMPLETED, Outcome.CUT):
        seen = Coverage.CHECKED
    elif streaming:
        seen = Coverage.SKIPPED_INCOMPLETE
    else:
        seen = Coverage.SKIPPED_NO_ANSWER
    for item in filters:
        if not item.judges_beside:
            record.cover(item.name, seen)


def tell_of_end(guards: Sequence[Guard], exchange: ExchangeFacts) -> Exception | None:
    """Tell those that judge beside the exchange. Returns: the last failure; what has ended cannot be stopped by it."""
    failure = None
    for guard in guards:
        try:
            guard.on_end(exchange)
        except Exception as error:
            exchange.record.cover(guard.name, Coverage.FAILED_OPEN)
            failure = error
    return failure


def tokens_of(record: ExchangeRecord) -> dict[str, str | int] | None:
    """The tokens, for Envoy's access log; None where they are not known."""
    if record.usage is None:
        return None
    return {"tokens_in": record.usage.prompt, "tokens_out": record.usage.completion}
