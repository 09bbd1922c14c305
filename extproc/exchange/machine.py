"""One exchange, from its first message to its end: ``step(event, now) -> Step``.

A plain function of its inputs: no socket, no clock, no protobuf, no waiting. Which events a phase takes is in ``phases``; what is
done with the request is in ``request``, with the answer in ``answer``. This file says what follows on what, and how an exchange
fails: an error of the client's gets an answer of ours; an error of ours gets one too as long as headers are not out, an error
event in a stream, and an aborted stream where nothing else is left. ``Step.ended`` brings the record exactly once.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from extproc.domain.errors import ApiError, PayloadRefused
from extproc.domain.record import Coverage, ExchangeRecord, Outcome
from extproc.domain.text import Direction
from extproc.domain.usage import cost_of
from extproc.exchange import request as requests
from extproc.exchange.answer import StreamedAnswer, guard_answer
from extproc.exchange.events import (
    Abort,
    Action,
    Answer,
    BodyMode,
    ContinueBody,
    ContinueChunk,
    ContinueHeaders,
    ContinueTrailers,
    Event,
    HeaderChanges,
    RequestBody,
    RequestHeaders,
    RequestTrailers,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
    SendChunk,
    Step,
    StreamClosed,
)
from extproc.exchange.phases import EXPECTED, Phase
from extproc.exchange.snapshot import Snapshot
from extproc.filters.base import ExchangeFacts
from extproc.filters.chain import Channels, FilterFailed
from extproc.payload.dialect import Dialect, StreamReader, UnreadableAnswer
from extproc.payload.encoding import ENCODINGS, BadEncoding, Decoder, decoder
from extproc.payload.endpoints import CHAT, dialect_of_errors
from extproc.payload.error_body import PlainTextView, error_slots
from extproc.payload.sse import EventTooLarge
from extproc.payload.view import AnswerView, RequestView

_INTERNAL = ApiError(500, "server_error", "internal_error", "The gateway failed while it handled this request. Try again.")
_UNREADABLE = ApiError(502, "server_error", "unreadable_answer", "The model server's answer could not be checked, so it is withheld.")
_FILTER_FAILED = ApiError(500, "server_error", "guard_failed", "A check of this request failed, so it was stopped. Try again.")
_BODY_MISSING = ApiError(400, "invalid_request_error", "body_missing", "The request has no body.")
_LEAVE_STATUS = range(200, 300)
_VIA_UPSTREAM = "via_upstream"


class Exchange:
    """The state machine of one exchange."""

    def __init__(self, snapshot: Snapshot, exchange_id: str, now_ns: int) -> None:
        self._snapshot = snapshot
        self._phase = Phase.REQUEST_HEADERS
        self._errors: Dialect = CHAT
        self._facts = ExchangeFacts(CHAT, {}, snapshot.models, ExchangeRecord(exchange_id, snapshot.revision, now_ns))
        self._dialect: Dialect | None = None
        self._request: RequestView | None = None
        self._prompt_utf8_bytes = 0
        self._response_headers: Mapping[str, str] = {}
        self._stream: StreamedAnswer | None = None
        self._reader: StreamReader | None = None
        self._decoder: Decoder | None = None
        self._observed = bytearray()
        self._ended = False

    @property
    def record(self) -> ExchangeRecord:
        """What is known so far."""
        return self._facts.record

    def step(self, event: Event, now_ns: int) -> Step:
        """Take one event. Never raises: what fails of ours is in ``Step.error``, and the exchange has ended with it."""
        try:
            return self._step(event, now_ns)
        except PayloadRefused as refused:
            return self._refuse(refused.error, Outcome.REJECTED if refused.error.status < 500 else Outcome.FAILED, now_ns)
        except (UnreadableAnswer, EventTooLarge, BadEncoding) as error:
            return self._fail(_UNREADABLE, error, now_ns)
        except FilterFailed as error:
            return self._fail(_FILTER_FAILED, error.__cause__ or error, now_ns)
        except Exception as error:
            return self._fail(_INTERNAL, error, now_ns)

    def _step(self, event: Event, now_ns: int) -> Step:
        if isinstance(event, StreamClosed):
            return self._closed(now_ns)
        if not isinstance(event, EXPECTED[self._phase]):
            self.record.outcome, self.record.reason = Outcome.FAILED, "unexpected_event"
            return self._end([Abort(f"{type(event).__name__} in phase {self._phase}")], now_ns)
        if isinstance(event, RequestHeaders):
            return self._request_headers(event, now_ns)
        if isinstance(event, RequestBody):
            return self._request_body(event, now_ns)
        if isinstance(event, RequestTrailers):
            return Step([ContinueTrailers(Direction.REQUEST)])
        if isinstance(event, ResponseHeaders):
            return self._answer_headers(event, now_ns)
        if isinstance(event, ResponseTrailers):
            return self._answer_trailers(now_ns)
        return self._answer_body(event, now_ns)

    # --- request ---------------------------------------------------------------------------------------------------

    def _request_headers(self, event: RequestHeaders, now_ns: int) -> Step:
        headers = event.headers
        self._facts.headers = headers
        self._errors = dialect_of_errors(requests.path_of(headers))
        requests.note_identity(self.record, headers, self._snapshot)
        self._dialect = requests.endpoint_of(headers, self._snapshot)
        changes = requests.header_changes(headers, self._dialect)
        if self._dialect is None:
            self.record.endpoint, self.record.outcome = "passed", Outcome.PASSED
            self._phase = Phase.RESPONSE_HEADERS
            return Step([ContinueHeaders(Direction.REQUEST, changes, BodyMode.NONE, BodyMode.NONE)])
        self.record.endpoint = self._dialect.name
        if event.end:
            return self._refuse(_BODY_MISSING, Outcome.REJECTED, now_ns)
        requests.refuse_length(headers, self._snapshot)
        self._facts.dialect = self._dialect
        self._phase = Phase.REQUEST_BODY
        return Step([ContinueHeaders(Direction.REQUEST, changes)])

    def _request_body(self, event: RequestBody, now_ns: int) -> Step:
        dialect = self._facts.dialect
        headers = self._facts.headers
        body = requests.plain_body(event.body, headers, self._snapshot)
        request = self._request = dialect.read_request(body, self._snapshot.policy)
        self.record.streamed = request.streamed
        requests.run_filters(request, self._facts, self._snapshot)
        self._prompt_utf8_bytes = sum(len(field.text.encode("utf-8", "replace")) for field in request.texts)
        after = request.body_after()
        # Only the answer is waited for now: the parsed request would be kept for the whole of a stream.
        request.body, request.tree, request.texts = b"", {}, []
        self._phase = Phase.RESPONSE_HEADERS
        return Step([self._forward(after, event.body)])

    def _forward(self, after: bytes, before: bytes) -> ContinueBody:
        headers: list[tuple[str, str]] = []
        choice = self._facts.choice
        if choice is not None:
            headers += [(requests.MODEL_HEADER, choice.facts.model), (requests.VERSION_HEADER, choice.facts.version)]
        remove = ("content-encoding",) if "content-encoding" in self._facts.headers else ()
        return ContinueBody(
            Direction.REQUEST,
            after if after != before else None,
            HeaderChanges(tuple(headers), remove),
            clear_route_cache=True,
            metadata=self._metadata(),
        )

    def _metadata(self) -> dict[str, str | int]:
        record = self.record
        facts = {"team": record.team, "project": record.project, "endpoint": record.endpoint, "exchange": record.id}
        if record.version is not None:
            facts |= {
                "model": record.version.model,
                "version": record.version.version,
                "fingerprint": record.version.fingerprint,
            }
        return dict(facts)

    # --- answer ----------------------------------------------------------------------------------------------------

    def _answer_headers(self, event: ResponseHeaders, now_ns: int) -> Step:
        headers = self._response_headers = event.headers
        record = self.record
        status = headers.get(":status", "")
        record.status = int(status) if status.isdecimal() else 0
        local = self._phase is not Phase.RESPONSE_HEADERS or (event.details and event.details != _VIA_UPSTREAM)
        if record.outcome is Outcome.PASSED or local:
            if local:
                record.outcome = Outcome.LOCAL_REPLY
            return self._unread_answer(now_ns)
        self._note_served_version(headers)
        self._open_decoder(headers)
        if record.status not in _LEAVE_STATUS:
            record.outcome = Outcome.UPSTREAM_ERROR
            return self._unread_answer(now_ns) if event.end else self._await_whole()
        if event.end:
            raise UnreadableAnswer("the answer has no body")
        return self._await_answer(headers.get("content-type", "").partition(";")[0].strip().lower(), now_ns)

    def _await_answer(self, media: str, now_ns: int) -> Step:
        dialect = self._facts.dialect
        record = self.record
        record.streamed = media == "text/event-stream"
        if not dialect.generates:
            if media != "application/json":
                self._complete()
                return self._unread_answer(now_ns)
            return self._await(Phase.OBSERVED, BodyMode.STREAMED)
        if media == "application/json":
            return self._await_whole()
        if media != "text/event-stream":
            raise UnreadableAnswer("the answer is neither JSON nor an event stream")
        request, snapshot = self._request, self._snapshot
        self._reader = dialect.stream(request.shown if request else {})
        self._stream = StreamedAnswer(
            self._reader,
            snapshot.answer_filters,
            self._facts,
            choices=request.choices if request else 1,
            channels_max=snapshot.limits.channels_max,
            event_bytes_max=snapshot.limits.sse_event_bytes_max,
            drops_copies=snapshot.drops_copies,
            hides_usage=request is not None and not request.usage_asked,
        )
        return self._await(Phase.STREAM, BodyMode.FULL_DUPLEX if snapshot.full_duplex else BodyMode.STREAMED)

    def _await_whole(self) -> Step:
        """A body over Envoy's buffer limit never reaches us: refuse it while the client can still be told."""
        length = self._response_headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._snapshot.limits.response_body_bytes_max:
            raise UnreadableAnswer("the answer is too large")
        return self._await(Phase.ANSWER, BodyMode.BUFFERED)

    def _unread_answer(self, now_ns: int) -> Step:
        return self._end([ContinueHeaders(Direction.RESPONSE, response_body=BodyMode.NONE)], now_ns)

    def _await(self, phase: Phase, mode: BodyMode) -> Step:
        self._phase = phase
        # A stream's length is not known; that of a whole body is set with the body.
        streamed = ("content-length", "content-encoding") if phase is Phase.STREAM else ()
        remove = tuple(name for name in streamed if name in self._response_headers)
        return Step([ContinueHeaders(Direction.RESPONSE, HeaderChanges((), remove), response_body=mode)])

    def _open_decoder(self, headers: Mapping[str, str]) -> None:
        encoding = headers.get("content-encoding", "identity").lower()
        if encoding == "identity":
            return
        if encoding not in ENCODINGS:
            raise UnreadableAnswer("the answer has a content-encoding that is not known here")
        limits = self._snapshot.limits
        self._decoder = decoder(encoding, limits.decompression_ratio_max, limits.response_body_bytes_max)

    def _note_served_version(self, headers: Mapping[str, str]) -> None:
        """After a fallback of Envoy's, measure the version that really answered."""
        model, _, version = headers.get(requests.SERVED_HEADER, "").partition("/")
        served = self._snapshot.models[model].by_name.get(version) if model in self._snapshot.models else None
        if served is not None:
            self.record.version = served.facts

    def _answer_body(self, event: ResponseBody, now_ns: int) -> Step:
        if self._phase is Phase.OBSERVED:
            return self._observe(event, now_ns)
        if self._phase in (Phase.DRAINED, Phase.DONE):
            return Step([] if self._snapshot.full_duplex else [ContinueChunk(b"")])
        body = self._decoder.feed(event.body) if self._decoder else event.body
        if event.end and self._decoder:
            self._decoder.close()
        if self._phase is Phase.STREAM:
            return self._stream_chunk(body, event.end, now_ns)
        return self._whole_answer(body, now_ns)

    def _whole_answer(self, body: bytes, now_ns: int) -> Step:
        if len(body) > self._snapshot.limits.response_body_bytes_max:
            raise UnreadableAnswer("the answer is too large")
        record = self.record
        is_error = record.outcome is Outcome.UPSTREAM_ERROR
        view = self._error_view(body) if is_error else self._answer_view(body)
        channels = Channels(self._snapshot.answer_filters, self._facts, self._snapshot.limits.channels_max)
        changed = guard_answer(view, channels, self._facts, self._snapshot.drops_copies)
        for key, value in ({} if is_error or self._request is None else self._request.shown).items():
            view.tree[key], changed = value, True
        if not is_error:
            self._measure_answer(view)
        after = (view.write() if changed else body) if changed or self._decoder else None
        plain = HeaderChanges((), ("content-encoding",) if self._decoder else ())
        return self._end([ContinueBody(Direction.RESPONSE, after, plain, metadata=self._final_metadata())], now_ns)

    def _answer_view(self, body: bytes) -> AnswerView:
        try:
            tree = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise UnreadableAnswer("the answer is not JSON") from None
        if not isinstance(tree, dict):
            raise UnreadableAnswer("the answer is not a JSON object")
        view = self._facts.dialect.read_answer(tree)
        self.record.answers = len({slot.source.choice for slot in view.slots}) or 1
        return view

    def _error_view(self, body: bytes) -> AnswerView:
        """An error of the server's may quote text: all its strings are judged, or the whole of it where it is not JSON."""
        try:
            tree = orjson.loads(body)
        except orjson.JSONDecodeError:
            tree = None
        if isinstance(tree, dict):
            return AnswerView(tree, error_slots(tree))
        return PlainTextView(body)

    def _measure_answer(self, view: AnswerView) -> None:
        if self.record.outcome is not Outcome.CUT:
            self._complete()
        if self.record.metered:
            reader = self._facts.dialect.stream({}).usage
            reader.final(view.usage)
            for slot in view.slots:
                reader.piece(slot.source.choice, slot.text)
            self.record.usage = reader.result(self._prompt_utf8_bytes)

    def _complete(self) -> None:
        self.record.outcome = Outcome.COMPLETED

    def _observe(self, event: ResponseBody, now_ns: int) -> Step:
        limit = self._snapshot.limits.response_body_bytes_max
        if len(self._observed) <= limit:
            self._observed += self._decoder.feed(event.body) if self._decoder else event.body
        actions: list[Action] = [ContinueChunk()]
        return self._end_observed(actions, now_ns) if event.end else Step(actions)

    def _end_observed(self, actions: list[Action], now_ns: int) -> Step:
        self._complete()
        if len(self._observed) <= self._snapshot.limits.response_body_bytes_max:
            self._measure_answer(self._answer_view(bytes(self._observed)))
        return self._end(actions, now_ns)

    # --- stream ----------------------------------------------------------------------------------------------------

    def _stream_chunk(self, body: bytes, end: bool, now_ns: int) -> Step:
        stream = self._stream
        assert stream is not None  # set with the phase
        out = stream.feed(body, now_ns)
        if end and not stream.ended:
            out += stream.close(now_ns)
        if stream.ended or end:
            return self._end_stream(out, end, now_ns)
        if self._snapshot.full_duplex:
            return Step([SendChunk(out, end=False)] if out else [])
        return Step([ContinueChunk(out if out != body or self._decoder else None)])

    def _end_stream(self, out: bytes, upstream_ended: bool, now_ns: int) -> Step:
        self._measure_stream()
        metadata = self._final_metadata()
        if self._snapshot.full_duplex:
            return self._end([SendChunk(out, end=True, metadata=metadata)], now_ns)
        step = self._end([ContinueChunk(out, metadata)], now_ns)
        if not upstream_ended:
            self._phase = Phase.DRAINED
        return step

    def _measure_stream(self) -> None:
        stream, record = self._stream, self.record
        if stream is None:
            return
        record.answers = stream.answers
        if record.outcome is Outcome.ABORTED:
            record.outcome = Outcome.UPSTREAM_ERROR if stream.failed else Outcome.COMPLETED
        self._measure_reader()

    def _measure_reader(self) -> None:
        if self.record.metered and self._reader is not None:
            self.record.usage = self._reader.usage.result(self._prompt_utf8_bytes)

    def _answer_trailers(self, now_ns: int) -> Step:
        trailers = ContinueTrailers(Direction.RESPONSE)
        if self._phase is Phase.OBSERVED:
            return self._end_observed([trailers], now_ns)
        stream = self._stream
        if self._phase is not Phase.STREAM or stream is None:
            return Step([trailers])
        out = stream.close(now_ns)
        self._measure_stream()
        if self._snapshot.full_duplex and out:
            return self._end([SendChunk(out, end=False), trailers], now_ns)
        if out:
            raise UnreadableAnswer("text was held back when trailers came, and cannot be sent any more")
        return self._end([trailers], now_ns)

    # --- ends ------------------------------------------------------------------------------------------------------

    def _refuse(self, error: ApiError, outcome: Outcome, now_ns: int) -> Step:
        """Answer in the place of the server, or in mid-stream with what is left to say."""
        record = self.record
        record.outcome, record.reason = outcome, error.code
        if self._phase is Phase.STREAM and self._stream is not None:
            return self._end_stream(self._stream.failure(error), False, now_ns)
        if self._phase in (Phase.OBSERVED, Phase.DRAINED, Phase.DONE):
            return self._end([Abort(error.code)], now_ns)
        record.status = error.status
        return self._end([Answer(error.status, self._errors.error_body(error), error.code)], now_ns)

    def _fail(self, error: ApiError, cause: BaseException, now_ns: int) -> Step:
        try:
            step = self._refuse(error, Outcome.FAILED, now_ns)
        except Exception as second:
            cause = second
            step = self._end([Abort("internal_error")], now_ns)
        step.error = cause
        return step

    def _closed(self, now_ns: int) -> Step:
        """Envoy's stream is over. Before our own end that is an abort, of a client or of an upstream: measured all the same."""
        if self._ended:
            return Step([])
        if self._phase is Phase.STREAM:
            self._measure_reader()
        elif self.record.metered and self._phase is not Phase.REQUEST_BODY and self.record.outcome is Outcome.ABORTED:
            self.record.usage = self._facts.dialect.stream({}).usage.result(self._prompt_utf8_bytes)
        return self._end([], now_ns)

    def _end(self, actions: list[Action], now_ns: int) -> Step:
        self._phase = Phase.DONE
        if self._ended:
            return Step(actions)
        self._ended = True
        record = self.record
        record.ended_ns = now_ns
        if record.usage is not None and record.version is not None:
            record.cost_micro_usd = cost_of(record.usage, record.version.prices)
        self._cover_answer()
        return Step(actions, ended=record)

    def _cover_answer(self) -> None:
        """Which of the filters that look at answers have seen this one."""
        outcome = self.record.outcome
        if outcome is Outcome.PASSED or self._dialect is None or not self._dialect.generates:
            return
        if outcome in (Outcome.COMPLETED, Outcome.CUT):
            seen = Coverage.CHECKED
        elif self._stream is not None:
            seen = Coverage.SKIPPED_INCOMPLETE
        else:
            seen = Coverage.SKIPPED_NO_ANSWER
        for item in self._snapshot.answer_filters:
            self.record.cover(item.name, seen)

    def _final_metadata(self) -> dict[str, str | int]:
        usage = self.record.usage
        if usage is None:
            return {}
        return {"tokens_in": usage.prompt, "tokens_out": usage.completion}
