"""Keeps samples of the texts of an exchange for the tokenizer of its model, until the exchange has ended.

Without a tokenizer nothing is kept: there is no ``KeptTexts``.
"""

from __future__ import annotations

from extproc.domain.record import ExchangeRecord, Outcome
from extproc.domain.token_rates import RequestSize
from extproc.domain.uncounted import Uncounted, sample_of
from extproc.domain.usage import utf8_bytes_of
from extproc.payload.request_size import texts_for_model
from extproc.payload.usage import KeepingUsageReader, UsageReader
from extproc.payload.view import RequestView, ResponseView


class KeptTexts:
    """The samples of one exchange."""

    def __init__(self, request: RequestView) -> None:
        prompt, tools = texts_for_model(request)
        self._prompt, self._tools = sample_of(prompt), sample_of(tools)
        self._stream: KeepingUsageReader | None = None
        self._answer: list[str] | None = None
        self._answer_utf8_bytes = 0

    def reader(self, usage: UsageReader) -> UsageReader:
        """A reader of usage that keeps the text of a stream. Args: usage: what has been read before the stream."""
        if usage.counted is not None:
            return usage
        self._stream = KeepingUsageReader()
        return self._stream

    def keep_response(self, view: ResponseView) -> None:
        """Keep the text of an unstreamed response."""
        texts = [slot.text for slot in view.slots]
        self._answer, self._answer_utf8_bytes = sample_of(texts), sum(map(utf8_bytes_of, texts))

    def uncounted(self, record: ExchangeRecord, size: RequestSize) -> Uncounted | None:
        """What a tokenizer may count, of an exchange that has ended; None if there is nothing to count, or to learn.

        A server's count that is not believed is capped already.
        """
        version, usage = record.version, record.usage
        if version is None or not version.tokenizer or usage is None or record.usage_capped:
            return None
        if not usage.estimated and record.outcome is not Outcome.COMPLETED:
            return None
        known = Uncounted(version.tokenizer, size, self._prompt, self._tools, self._answer, 0, 0, 0)
        known.answer_utf8_bytes = self._answer_utf8_bytes
        stream = self._stream
        if stream is not None:
            known.pieces, known.answer_utf8_bytes = stream.after_count()
            known.running, known.answer = stream.counted_so_far, stream.kept()
        return known
