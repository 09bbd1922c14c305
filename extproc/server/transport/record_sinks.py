"""Where records go: the ledger at the beginning of an exchange, and every sink at its end.

If a tokenizer is to count the exchange first, the sinks get its record afterwards, once, with the tokens that count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from extproc.domain.record import ExchangeRecord
from extproc.exchange.answer_memory import AnswerMemory
from extproc.server.operations.json_log import where
from extproc.server.transport.services import ExchangeLedger, TokenService


class Sink(Protocol):
    """Receives completed exchanges."""

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """Take one exchange. Must not block."""
        ...


class RecordSinks:
    """The sinks of one processor. Nothing is raised: a failure is logged, and does not affect the other sinks.

    Attributes:
        ledger: learns of exchanges that a model server has; None: nothing does.
    """

    def __init__(
        self, sinks: Sequence[Sink], ledger: ExchangeLedger | None, counter: TokenService | None, logger: Any
    ) -> None:
        self._sinks = sinks
        self.ledger = ledger
        self._counter = counter
        self._answers = AnswerMemory()
        self._logger = logger

    def sent(self, record: ExchangeRecord) -> None:
        """A model server has the request of this exchange."""
        if self.ledger is not None:
            self._tell_ledger(self.ledger.exchange_sent, record)

    def ended(self, record: ExchangeRecord) -> None:
        """Pass a record to every sink, once its tokens are counted."""
        if record.uncounted is None:
            self._publish(record)
        elif self._is_counted_first(record):
            self._note_end(record)
        else:
            self._publish(record)

    def _is_counted_first(self, record: ExchangeRecord) -> bool:
        """Whether ``_publish`` will be called with the record, as its tokens are being counted."""
        try:
            return self._counter is not None and self._counter.take(record, self._publish)
        except Exception as error:
            self._logger.error("tokens not counted", exchange=record.id, error=type(error).__name__, where=where(error))
            return False

    def _note_end(self, record: ExchangeRecord) -> None:
        """If the process is killed meanwhile, the entry has the end, with the tokens as they are estimated now."""
        if self.ledger is not None:
            self._tell_ledger(self.ledger.exchange_ends, record)

    def _tell_ledger(self, tell: Callable[[ExchangeRecord], None], record: ExchangeRecord) -> None:
        try:
            tell(record)
        except Exception as error:
            self._logger.error("ledger failed", exchange=record.id, error=type(error).__name__, where=where(error))

    def _publish(self, record: ExchangeRecord) -> None:
        record.uncounted = None  # no sink gets a text of it
        self._answers.complete(record)
        for sink in self._sinks:
            try:
                sink.exchange_ended(record)
            except Exception as error:
                self._logger.error(
                    "sink failed", sink=type(sink).__name__, error=type(error).__name__, where=where(error)
                )
