"""A response that is an event stream: decoded, guarded per event, metered; failures are reported in the stream."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from extproc.domain.errors import ApiError
from extproc.domain.record import FINISHES_MAX, Outcome
from extproc.domain.text import Direction, TextSource
from extproc.exchange import ending
from extproc.exchange.events import Abort, Command, ContinueChunk, ContinueTrailers, Event, ResponseBody, SendChunk
from extproc.exchange.limit_headers import RATE_LIMIT_EXCEEDED
from extproc.exchange.phases import Phase
from extproc.exchange.response import ResponseContext, ResponseHandler, StreamBudget
from extproc.exchange.stream import ResponseStream
from extproc.exchange.stream_terms import StreamTerms
from extproc.payload.dialect import UnreadableResponse
from extproc.payload.ends import TOLD_ENDS
from extproc.payload.renamed_model import renamed_model


class StreamedResponse(ResponseHandler):
    """One event stream."""

    __slots__ = (
        "_budget",
        "_decoder",
        "_full_duplex",
        "_keeps_ledger",
        "_reader",
        "_record",
        "_response_bytes",
        "_stream",
        "_tokens",
    )

    def __init__(self, context: ResponseContext) -> None:
        exchange, request, limits = context.exchange, context.request, context.snapshot.limits
        self.phase = Phase.STREAM
        self._record = exchange.record
        self._response_bytes = 0
        self._tokens = context.tokens
        self._decoder = context.decoder
        self._budget = context.budget
        self._full_duplex = context.snapshot.full_duplex
        self._keeps_ledger = context.snapshot.keeps_ledger
        self._reader = exchange.facts.dialect.stream(request.shown if request else {})
        if context.tokens.texts is not None:
            self._reader.usage = context.tokens.texts.reader(self._reader.usage)
        self._reader.usage.rates = context.tokens.rates
        terms = StreamTerms(
            own_ends=request.own_ends if request else TOLD_ENDS,
            choices=request.choices if request else 1,
            channels_max=limits.channels_max,
            event_bytes_max=limits.sse_event_bytes_max,
            copies=context.policy.copies.where(exchange.has_prompt, exchange.record.is_fenced),
            hides_usage=request is not None and not request.usage_asked,
            renamed=renamed_model(request),
        )
        self._stream = ResponseStream(self._reader, context.policy.response_filters, exchange, terms)

    @property
    def sources(self) -> Collection[TextSource]:
        """The sources of the texts so far."""
        return self._stream.sources

    @property
    def held(self) -> Mapping[TextSource, str]:
        """The text that is held back, by channel."""
        return self._stream.held

    def take_body(self, event: ResponseBody, now_ns: int) -> list[Command]:
        """Process the next chunk, at any boundary."""
        stream = self._stream
        self._response_bytes += len(event.body)
        stream.feed(event.body if self._decoder is None else self._decoder.feed(event.body), now_ns)
        if self._budget is not None and self._record.pieces >= self._budget.look_at and not stream.ended:
            self._look_at_budget(self._budget, now_ns)
        if event.end:
            self._close(now_ns)
        out = stream.take()
        if stream.ended or event.end:
            return self._finish(out, event.end)
        if self._full_duplex:
            return [SendChunk(out, end=False)] if out else []
        return [ContinueChunk(out if out != event.body else None)]

    def take_trailers(self, now_ns: int) -> list[Command]:
        """The stream is over."""
        trailers = ContinueTrailers(Direction.RESPONSE)
        self._close(now_ns)
        out = self._stream.take()
        if out and not self._full_duplex:
            raise UnreadableResponse("text was held when trailers arrived, and can no longer be sent")
        self._measure()
        self.phase = Phase.DONE
        return [SendChunk(out, end=False), trailers] if out else [trailers]

    def fail(self, error: ApiError, event: Event) -> list[Command]:
        """The remaining output for the client, then the error as an event of the stream."""
        if isinstance(event, ResponseBody):
            return self._finish(self._stream.failure(error), event.end)
        self._measure()
        self.phase = Phase.DONE
        if not self._full_duplex:  # after trailers only a reset stream can signal an error
            return [Abort(error.code)]
        return [SendChunk(self._stream.failure(error), end=False), ContinueTrailers(Direction.RESPONSE)]

    def measure_closed(self) -> None:
        """The client received the last event, and closed before the end of the stream."""
        if self._stream.complete:
            self._measure()

    def measure_unfinished(self) -> bool:
        """Measure the stream so far."""
        self._record.answers, self._record.response_bytes = self._stream.answers, self._response_bytes
        self._record.finish_reasons = tuple(self._reader.finishes.values())[:FINISHES_MAX]
        if self._keeps_ledger:
            self._record.response_id = self._reader.response_id
        ending.measure_stream(self._record, self._reader.usage, self._tokens)
        return True

    def _look_at_budget(self, budget: StreamBudget, now_ns: int) -> None:
        usage = self._reader.usage
        if usage.counted is None and not budget.has_room(usage.completion(), self._record.pieces, now_ns):
            self._record.reason = RATE_LIMIT_EXCEEDED
            self._stream.cut_at_limit()

    def _close(self, now_ns: int) -> None:
        if self._decoder is not None:
            self._decoder.close()
        self._stream.close(now_ns)

    def _finish(self, out: bytes, upstream_ended: bool) -> list[Command]:
        self._measure()
        metadata = ending.tokens_of(self._record)
        if self._full_duplex:
            self.phase = Phase.DONE
            return [SendChunk(out, end=True, metadata=metadata)]
        self.phase = Phase.DONE if upstream_ended else Phase.DRAINED
        return [ContinueChunk(out, metadata)]

    def _measure(self) -> None:
        record = self._record
        if record.outcome is Outcome.ABORTED:
            record.outcome = Outcome.UPSTREAM_ERROR if self._stream.failed else Outcome.COMPLETED
        self.measure_unfinished()
