"""The tokens of one exchange: counted by its server, otherwise estimated from the learned rates.

Counts of the server update the rates, which improves later estimates.
"""

from __future__ import annotations

from dataclasses import replace

from extproc.domain.record import ExchangeRecord, Outcome
from extproc.domain.token_rates import START, UNKNOWN_SIZE, TokenRates
from extproc.domain.usage import Usage, utf8_bytes_of
from extproc.exchange.kept_texts import KeptTexts
from extproc.exchange.learned_rates import CountedExchange, LearnedRates
from extproc.payload.dialect import Dialect
from extproc.payload.usage import UsageReader
from extproc.payload.view import ResponseView


class TokenCounts:
    """The counts of one exchange.

    ``size``: of its request, once known; ``sent_ns``: when it was forwarded; ``texts``: kept for a tokenizer, if any.
    """

    __slots__ = ("_learned", "_pieces", "_record", "_utf8_bytes", "sent_ns", "size", "texts")

    def __init__(self, record: ExchangeRecord, learned: LearnedRates | None) -> None:
        self.size = UNKNOWN_SIZE
        self.sent_ns = 0
        self.texts: KeptTexts | None = None
        self._record = record
        self._learned = learned
        self._pieces = 0
        self._utf8_bytes = 0

    def rates(self) -> TokenRates:
        """The rates of the version that serves it."""
        version = self._record.version
        if self._learned is None or version is None:
            return START
        return self._learned.of(version, self._record.endpoint)

    def move(self, prompt_bytes: int) -> None:
        """Another version answers than the chosen one. Args: prompt_bytes: how much longer its prompt is. [bytes]"""
        if self.size is not UNKNOWN_SIZE:
            self.size = replace(self.size, utf8_bytes=max(0, self.size.utf8_bytes + prompt_bytes))

    def of_stream(self, reader: UsageReader) -> Usage:
        """The tokens of a stream, complete or not."""
        self._pieces, self._utf8_bytes = reader.pieces, reader.utf8_bytes
        return reader.result(self.size)

    def of_response(self, view: ResponseView) -> Usage:
        """The tokens of an unstreamed response."""
        self._utf8_bytes = sum([utf8_bytes_of(slot.text) for slot in view.slots])
        if self.texts is not None:
            self.texts.keep_response(view)
        if view.usage is not None:
            return view.usage
        rates, generated_bytes = self.rates(), self._utf8_bytes if self.size.choices else 0
        return Usage(rates.prompt_tokens(self.size), rates.whole_tokens(generated_bytes), estimated=True)

    def of_unseen(self, dialect: Dialect, now_ns: int) -> Usage:
        """The tokens of an unseen response: the number that the server generates in that time."""
        counted = dialect.stream({}).usage.counted
        if counted is not None:
            return counted
        rates, elapsed_ns = self.rates(), now_ns - self.sent_ns
        return Usage(rates.prompt_tokens(self.size), rates.unseen_tokens(self.size, elapsed_ns), estimated=True)

    def learn(self, now_ns: int) -> None:
        """The exchange has ended: update the rates if its server reported usage."""
        record = self._record
        usage, version = record.usage, record.version
        if self._learned is None or version is None or usage is None or usage.estimated:
            return
        if record.outcome is Outcome.COMPLETED:
            waited_ns, elapsed_ns = record.first_text_ns - self.sent_ns, now_ns - self.sent_ns
            counted = CountedExchange(self.size, usage, self._pieces, self._utf8_bytes, waited_ns, elapsed_ns)
            self._learned.learn(version, record.endpoint, counted)
