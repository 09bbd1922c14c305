"""One exchange, from its first message to its end: ``step(event, now) -> Step``.

A plain function of its inputs: no socket, no clock, no protobuf, no waiting. Which events a phase takes is in
``phases``; what is done with the request is in ``request``, with an answer in ``answer_headers``, then in ``answer`` if
it is read at its end and in ``stream`` if event by event, and what is noted of it in ``ending``. This file says what
follows on what, and how an exchange fails: an error of the client's gets an answer of ours; an error of ours gets one
too as long as headers are not out, an error event in a stream, and an aborted stream where nothing else is left.
``Step.ended`` brings the record exactly once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from extproc.domain.beside import Judgement
from extproc.domain.errors import ApiError, PayloadRefused
from extproc.domain.pace import UNHURRIED, Abandoned, Pace, TextTooCostly
from extproc.domain.record import ExchangeRecord, Outcome
from extproc.domain.review import FindingNotes
from extproc.domain.text import Direction, TextSource
from extproc.exchange import answer_headers, ending
from extproc.exchange import request as requests
from extproc.exchange.answer import WholeAnswer
from extproc.exchange.asked import AskedVerdicts
from extproc.exchange.clean_texts import CleanTexts
from extproc.exchange.events import (
    Abort,
    Action,
    Answer,
    Answered,
    AskExpired,
    BodyMode,
    ContinueBody,
    ContinueChunk,
    ContinueHeaders,
    ContinueTrailers,
    Event,
    HeaderChanges,
    Overloaded,
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
from extproc.exchange.failures import (
    ANSWER_TOO_COSTLY,
    BODY_MISSING,
    FILTER_FAILED,
    INTERNAL,
    OVERLOADED,
    REQUEST_TOO_COSTLY,
    UNREADABLE,
)
from extproc.exchange.learnt_rates import LearntRates
from extproc.exchange.phases import EXPECTED, Phase
from extproc.exchange.snapshot import Snapshot
from extproc.exchange.stream import StreamedAnswer, StreamTerms
from extproc.exchange.token_counts import TokenCounts
from extproc.exchange.usage_bounds import note_usage_bounds
from extproc.filters.base import ExchangeFacts
from extproc.filters.chain import FilterFailed
from extproc.payload.dialect import Dialect, StreamReader, UnreadableAnswer
from extproc.payload.encoding import BadEncoding, Decoder
from extproc.payload.endpoints import CHAT, dialect_of_errors
from extproc.payload.ends import TOLD_ENDS
from extproc.payload.request_size import size_of
from extproc.payload.sse import EventTooLarge
from extproc.payload.view import RequestView

_VIA_UPSTREAM = "via_upstream"
_COMPUTED = frozenset({Outcome.COMPLETED, Outcome.CUT, Outcome.FAILED, Outcome.ABORTED})


class Exchange:
    """The state machine of one exchange."""

    def __init__(
        self,
        snapshot: Snapshot,
        exchange_id: str,
        now_ns: int,
        clean_texts: CleanTexts | None = None,
        learnt_rates: LearntRates | None = None,
        pace: Pace = UNHURRIED,
    ) -> None:
        self._snapshot = snapshot
        self._clean_texts = clean_texts
        self._phase = Phase.REQUEST_HEADERS
        self._errors: Dialect = CHAT
        record = ExchangeRecord(exchange_id, snapshot.revision, now_ns)
        self._facts = ExchangeFacts(CHAT, {}, snapshot.models, record, pace=pace)
        self._guarded = False  # a path whose answers a model makes
        self._policy = snapshot.policies[-1]  # until one is chosen: it fits all
        self._request: RequestView | None = None
        self._tokens = TokenCounts(self._facts.record, learnt_rates)
        self._stream: StreamedAnswer | None = None
        self._whole: WholeAnswer | None = None
        self._reader: StreamReader | None = None
        self._decoder: Decoder | None = None
        self._asked: AskedVerdicts | None = None
        self._forwarded = False
        self._ended = False
        self.awaits_encoded = False  # what comes next may be a long text in a short message
        if snapshot.logs_text:
            self._facts.record.texts = {}
        if snapshot.reviews:
            self._facts.record.notes = FindingNotes(snapshot.excerpt_chars_max)

    @property
    def record(self) -> ExchangeRecord:
        """What is known so far."""
        return self._facts.record

    @property
    def awaits_request(self) -> bool:
        """Whether the request's body is to come next."""
        return self._phase is Phase.REQUEST_BODY

    def step(self, event: Event, now_ns: int) -> Step:
        """Take one event. Never raises: what fails of ours is in ``Step.error``; the exchange has ended with it.

        Where the pace says that nobody waits any more, nothing comes of the event: ``StreamClosed`` is to follow.
        """
        try:
            return self._step(event, now_ns)
        except Abandoned:
            return Step([])
        except PayloadRefused as refused:
            outcome = Outcome.REJECTED if refused.error.status < 500 else Outcome.FAILED
            return self._refuse(refused.error, outcome, event, now_ns)
        except (UnreadableAnswer, EventTooLarge, BadEncoding) as unreadable:
            return self._fail(UNREADABLE, unreadable, event, now_ns)
        except FilterFailed as failed:  # a name of its own: compiled, a name has the type that it had first
            if isinstance(failed.cause, TextTooCostly):
                return self._refuse_too_costly(event, now_ns)
            return self._fail(FILTER_FAILED, failed.cause, event, now_ns)
        except Exception as error:
            return self._fail(INTERNAL, error, event, now_ns)

    def _step(self, event: Event, now_ns: int) -> Step:
        if self._phase is Phase.STREAM and isinstance(event, ResponseBody) and self._stream is not None:
            return self._stream_chunk(self._stream, event, now_ns)  # most events are this
        if isinstance(event, StreamClosed):
            return self._closed(now_ns)
        if not isinstance(event, EXPECTED[self._phase]):
            return self._unexpected(event, now_ns)
        if isinstance(event, ResponseBody):
            return self._answer_body(event, now_ns)
        if isinstance(event, RequestHeaders):
            return self._request_headers(event, now_ns)
        if isinstance(event, RequestBody):
            return self._request_body(event, now_ns)
        if isinstance(event, RequestTrailers):
            return Step([ContinueTrailers(Direction.REQUEST)])
        if isinstance(event, Overloaded):
            raise PayloadRefused(OVERLOADED)
        if isinstance(event, ResponseHeaders):
            return self._answer_headers(event, now_ns)
        if isinstance(event, ResponseTrailers):
            return self._answer_trailers(now_ns)
        return self._verdict(event, now_ns)

    # --- request ---------------------------------------------------------------------------------------------------

    def _request_headers(self, event: RequestHeaders, now_ns: int) -> Step:
        headers = self._facts.headers = event.headers
        record = self.record
        self._errors = dialect_of_errors(requests.path_of(headers), requests.speaks_anthropic(headers))
        record.endpoint = requests.endpoint_name(headers)
        requests.note_identity(record, headers, self._snapshot)
        names = requests.models_body(headers, self._snapshot)
        if names is not None:
            return self._answer_models(names, now_ns)
        dialect = requests.endpoint_of(headers, self._snapshot)
        changes = requests.header_changes(headers, dialect)
        if dialect is None:
            requests.refuse_unread_body(headers, event.end)
            record.endpoint, record.outcome = requests.PASSED, Outcome.PASSED
            self._phase = Phase.RESPONSE_HEADERS
            return Step([ContinueHeaders(Direction.REQUEST, changes, BodyMode.NONE, BodyMode.NONE)])
        self._facts.dialect = dialect
        self._guarded = dialect.generates
        if event.end:
            return self._refuse(BODY_MISSING, Outcome.REJECTED, event, now_ns)
        requests.refuse_length(headers, self._snapshot)
        self._phase = Phase.REQUEST_BODY
        self.awaits_encoded = "content-encoding" in headers
        return Step([ContinueHeaders(Direction.REQUEST, changes)])

    def _answer_models(self, names: bytes, now_ns: int) -> Step:
        record = self.record
        record.endpoint, record.outcome, record.status = requests.MODELS, Outcome.ANSWERED, 200
        step = self._end([Answer(record.status, names, requests.MODELS)], now_ns)
        self._phase = Phase.REFUSED
        return step

    def _request_body(self, event: RequestBody, now_ns: int) -> Step:
        if self._phase is not Phase.REQUEST_BODY:  # nobody reads it any more
            return Step([ContinueBody(Direction.REQUEST)])
        self.awaits_encoded = False
        body = requests.plain_body(event.body, self._facts.headers, self._snapshot)
        request = self._request = self._facts.dialect.read_request(body, self._snapshot.requests)
        requests.refuse_choices(request, self._facts.dialect, self._snapshot)
        self.record.streamed = request.streamed
        self._policy = requests.choose_guards(request, self._facts, self._snapshot)
        requests.judge(request, self._facts, self._snapshot, self._policy, self._clean_texts)
        self._tokens.size = size_of(request, self._facts.dialect)
        after = request.body_after()
        note_usage_bounds(self.record, request, max(len(body), len(after)), self._snapshot.limits.usage_tokens_max)
        forward = requests.forward(after, event.body, self._facts)
        request.release()
        self._facts.headers = {}
        if self._facts.asks:
            self._phase = Phase.ASKED
            self._asked = AskedVerdicts(self._policy.told_of_end, self._facts, forward)
            return Step([], asks=self._asked.open, judgements=self._to_judge())
        return self._send_on(forward, now_ns)

    def _verdict(self, event: Answered | AskExpired, now_ns: int) -> Step:
        """A request that waited goes on when the last verdict has come, and is refused at the first that says so."""
        if self._asked is None:
            raise AssertionError("only an exchange that has asked is in this phase")
        forward = self._asked.take(event)
        return Step([]) if forward is None else self._send_on(forward, now_ns)

    def _send_on(self, forward: ContinueBody, now_ns: int) -> Step:
        self._phase = Phase.RESPONSE_HEADERS
        self._forwarded = True
        self._tokens.sent_ns = now_ns
        self._asked = None
        return Step([forward], judgements=self._to_judge())

    def _to_judge(self) -> Sequence[Judgement]:
        """What guards have handed on since the last time."""
        judgements = self._facts.judgements
        if not judgements:
            return ()
        self._facts.judgements = []
        return judgements

    # --- the answer's headers: what it is, and how it is to come ---------------------------------------------------

    def _answer_headers(self, event: ResponseHeaders, now_ns: int) -> Step:
        headers, record = event.headers, self.record
        if self._phase is Phase.REFUSED:  # our own answer on its way out
            return self._pass_unread(headers, now_ns)
        record.status = answer_headers.status_of(headers)
        if self._phase is not Phase.RESPONSE_HEADERS or event.details not in ("", _VIA_UPSTREAM):
            record.outcome = Outcome.LOCAL_REPLY
        if record.outcome in (Outcome.PASSED, Outcome.LOCAL_REPLY):
            return self._pass_unread(headers, now_ns)
        answer_headers.note_served_version(record, headers, self._snapshot)
        self._decoder = answer_headers.decoder_of(headers, self._snapshot.limits)
        self.awaits_encoded = self._decoder is not None
        media = answer_headers.media_of(headers)
        if not 200 <= record.status < 300:
            record.outcome = Outcome.UPSTREAM_ERROR
            if event.end:
                return self._pass_unread(headers, now_ns)
            phase, mode = answer_headers.awaited_error(media, headers, self._facts.dialect, self._snapshot)
            return self._await(headers, phase, mode)
        if event.end:
            raise UnreadableAnswer("the answer has no body")
        record.streamed = media == answer_headers.EVENT_STREAM
        phase, mode = answer_headers.awaited(media, headers, self._facts.dialect, self._snapshot)
        return self._await(headers, phase, mode)

    def _await(self, headers: Mapping[str, str], phase: Phase, mode: BodyMode) -> Step:
        if phase is Phase.STREAM:
            self._begin_stream()
        else:
            self._whole = WholeAnswer(
                self._facts, self._request, self._snapshot, self._policy, self._decoder, self._tokens
            )
        self._phase = phase
        changes = answer_headers.header_changes(headers, phase, self._snapshot)
        return Step([ContinueHeaders(Direction.RESPONSE, changes, response_body=mode)])

    def _begin_stream(self) -> None:
        request, policy = self._request, self._policy
        self._reader = self._facts.dialect.stream(request.shown if request else {})
        self._reader.usage.rates = self._tokens.rates
        terms = StreamTerms(
            own_ends=request.own_ends if request else TOLD_ENDS,
            choices=request.choices if request else 1,
            channels_max=self._snapshot.limits.channels_max,
            event_bytes_max=self._snapshot.limits.sse_event_bytes_max,
            copies=policy.copies.where(self._facts.has_prompt),
            hides_usage=request is not None and not request.usage_asked,
        )
        self._stream = StreamedAnswer(self._reader, policy.answer_filters, self._facts, terms)

    def _pass_unread(self, headers: Mapping[str, str], now_ns: int) -> Step:
        changes = answer_headers.header_changes(headers, Phase.UNREAD, self._snapshot)
        step = self._end([ContinueHeaders(Direction.RESPONSE, changes, response_body=BodyMode.NONE)], now_ns)
        self._phase = Phase.UNREAD
        return step

    # --- the answer's body -----------------------------------------------------------------------------------------

    def _answer_body(self, event: ResponseBody, now_ns: int) -> Step:
        whole = self._whole
        if whole is not None:
            if self._phase is Phase.ANSWER:
                return self._answer_whole(whole, event.body, now_ns)
            if self._phase is Phase.HELD:
                return self._hold(whole, event, now_ns)
            if self._phase is Phase.OBSERVED:
                return self._observe(whole, event, now_ns)
        if self._phase is Phase.UNREAD:
            return Step([ContinueChunk()])
        return Step([ContinueChunk(b"")] if self._phase is Phase.DRAINED else [])

    def _answer_whole(self, whole: WholeAnswer, body: bytes, now_ns: int) -> Step:
        after = whole.guard(body)
        headers = HeaderChanges((), ("content-encoding",) if self._decoder else ())
        changed = None if after is body and not self._decoder else after
        metadata = ending.tokens_of(self.record)
        return self._end([ContinueBody(Direction.RESPONSE, changed, headers, metadata=metadata)], now_ns)

    def _hold(self, whole: WholeAnswer, event: ResponseBody, now_ns: int) -> Step:
        whole.hold(event.body)
        return self._end([self._release_held(whole, end=True)], now_ns) if event.end else Step([])

    def _release_held(self, whole: WholeAnswer, end: bool) -> SendChunk:
        after = whole.guard_held()
        return SendChunk(after, end, ending.tokens_of(self.record))

    def _observe(self, whole: WholeAnswer, event: ResponseBody, now_ns: int) -> Step:
        whole.observe(event.body)
        return self._end_observed(whole, [ContinueChunk()], now_ns) if event.end else Step([ContinueChunk()])

    def _end_observed(self, whole: WholeAnswer, actions: list[Action], now_ns: int) -> Step:
        whole.measure_observed(now_ns)
        return self._end(actions, now_ns)

    def _stream_chunk(self, stream: StreamedAnswer, event: ResponseBody, now_ns: int) -> Step:
        stream.feed(event.body if self._decoder is None else self._decoder.feed(event.body), now_ns)
        if event.end:
            self._close_stream(stream, now_ns)
        out = stream.take()
        if stream.ended or event.end:
            return self._end_stream(stream, out, event.end, now_ns)
        if self._snapshot.full_duplex:
            return Step([SendChunk(out, end=False)] if out else [])
        return Step([ContinueChunk(out if out != event.body else None)])

    def _close_stream(self, stream: StreamedAnswer, now_ns: int) -> None:
        if self._decoder is not None:
            self._decoder.close()
        stream.close(now_ns)

    def _end_stream(self, stream: StreamedAnswer, out: bytes, upstream_ended: bool, now_ns: int) -> Step:
        self._measure_stream(stream)
        metadata = ending.tokens_of(self.record)
        if self._snapshot.full_duplex:
            return self._end([SendChunk(out, end=True, metadata=metadata)], now_ns)
        step = self._end([ContinueChunk(out, metadata)], now_ns)
        if not upstream_ended:
            self._phase = Phase.DRAINED
        return step

    def _answer_trailers(self, now_ns: int) -> Step:
        trailers, whole = ContinueTrailers(Direction.RESPONSE), self._whole
        if self._phase is Phase.OBSERVED and whole is not None:
            return self._end_observed(whole, [trailers], now_ns)
        if self._phase is Phase.ANSWER:
            raise UnreadableAnswer("trailers came before the answer")
        if self._phase is Phase.HELD and whole is not None:
            return self._end([self._release_held(whole, end=False), trailers], now_ns)
        if self._phase is not Phase.STREAM or self._stream is None:
            return Step([trailers])
        self._close_stream(self._stream, now_ns)
        out = self._stream.take()
        if out and not self._snapshot.full_duplex:
            raise UnreadableAnswer("text was held back when trailers came, and cannot be sent any more")
        self._measure_stream(self._stream)
        return self._end([SendChunk(out, end=False), trailers] if out else [trailers], now_ns)

    def _measure_stream(self, stream: StreamedAnswer) -> None:
        record = self.record
        record.answers = stream.answers
        if record.outcome is Outcome.ABORTED:
            record.outcome = Outcome.UPSTREAM_ERROR if stream.failed else Outcome.COMPLETED
        if self._reader is not None:
            ending.measure_stream(record, self._reader.usage, self._tokens)

    # --- ends ------------------------------------------------------------------------------------------------------

    def _refuse(self, error: ApiError, outcome: Outcome, event: Event, now_ns: int) -> Step:
        """Answer in the place of the server, or in mid-stream with what is left to say."""
        record = self.record
        if self._ended:
            return Step([Abort(error.code)])
        record.outcome, record.reason = outcome, error.code
        if self._phase is Phase.STREAM and self._stream is not None:
            return self._break_stream(self._stream, error, event, now_ns)
        if self._phase in (Phase.OBSERVED, Phase.HELD) or isinstance(event, ResponseTrailers):
            return self._end([Abort(error.code)], now_ns)
        record.status = error.status
        body = self._errors.error_body(error)
        step = self._end([Answer(error.status, body, error.code, retry_after_s=error.retry_after_s)], now_ns)
        self._phase = Phase.REFUSED
        return step

    def _refuse_too_costly(self, event: Event, now_ns: int) -> Step:
        if isinstance(event, RequestBody):
            return self._refuse(REQUEST_TOO_COSTLY, Outcome.REJECTED, event, now_ns)
        return self._refuse(ANSWER_TOO_COSTLY, Outcome.FAILED, event, now_ns)

    def _break_stream(self, stream: StreamedAnswer, error: ApiError, event: Event, now_ns: int) -> Step:
        if isinstance(event, ResponseBody):
            return self._end_stream(stream, stream.failure(error), event.end, now_ns)
        self._measure_stream(stream)
        if not self._snapshot.full_duplex:  # trailers came: the client can only be told by a broken stream
            return self._end([Abort(error.code)], now_ns)
        last_words = SendChunk(stream.failure(error), end=False)
        return self._end([last_words, ContinueTrailers(Direction.RESPONSE)], now_ns)

    def _fail(self, error: ApiError, cause: BaseException, event: Event, now_ns: int) -> Step:
        try:
            step = self._refuse(error, Outcome.FAILED, event, now_ns)
        except Exception as second:
            cause = second
            step = self._end([Abort(INTERNAL.code)], now_ns)
        step.error = cause
        return step

    def _unexpected(self, event: Event, now_ns: int) -> Step:
        reason = f"{type(event).__name__} in phase {self._phase}"
        if not self._ended:
            self.record.outcome, self.record.reason = Outcome.FAILED, "unexpected_event"
        return self._end([Abort(reason)], now_ns)

    def _closed(self, now_ns: int) -> Step:
        """Envoy's stream is over. Before our own end that is an abort, of a client or of an upstream: measured too."""
        if not self._ended and self._stream is not None and self._stream.complete:
            self._measure_stream(self._stream)  # the client had its last event, and did not wait for the end
        return self._end([], now_ns)

    def _measure_unfinished(self, now_ns: int) -> None:
        """Whatever went wrong after the request went on, the server has computed something."""
        record = self.record
        if self._stream is not None and self._reader is not None:
            record.answers = self._stream.answers
            ending.measure_stream(record, self._reader.usage, self._tokens)
        else:
            ending.measure_unseen(record, self._facts.dialect, self._tokens, now_ns)

    def _answer_sources(self) -> Collection[TextSource]:
        """The texts of the answer that have come."""
        if self._stream is not None:
            return self._stream.sources
        return self._whole.sources if self._whole is not None else ()

    def _end(self, actions: list[Action], now_ns: int) -> Step:
        self._phase = Phase.DONE
        if self._ended:
            return Step(actions)
        self._ended = True
        if self._forwarded and self.record.usage is None and self.record.outcome in _COMPUTED:
            self._measure_unfinished(now_ns)
        ending.settle(self.record, self._tokens, now_ns)
        if self._facts.placeholders is not None:
            self._facts.placeholders.forget()
        if self._guarded and self.record.policy:
            ending.cover_answer(self._policy.answer_filters, self._answer_sources(), self._facts)
        error = None
        if self.record.policy and self._policy.told_of_end:
            sources = self._answer_sources() if self._guarded else ()
            error = ending.tell_of_end(self._policy.told_of_end, sources, self._facts)
        return Step(actions, self.record, judgements=self._to_judge(), error=error)
