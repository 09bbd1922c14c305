"""What the events of a response do, by the table in ``machine``. How its body is taken is in ``response``."""

from __future__ import annotations

from extproc.domain.record import Outcome
from extproc.domain.text import Direction
from extproc.exchange import response_headers
from extproc.exchange.events import (
    BodyMode,
    ContinueHeaders,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
    Step,
)
from extproc.exchange.phases import Phase
from extproc.exchange.response import ResponseContext, ResponseHandler
from extproc.exchange.state import ExchangeState
from extproc.exchange.streamed_response import StreamedResponse
from extproc.exchange.whole_response import BufferedResponse, HeldResponse, ObservedResponse
from extproc.payload.dialect import UnreadableAnswer

_VIA_UPSTREAM = "via_upstream"


def read_headers(state: ExchangeState, event: ResponseHeaders, now_ns: int) -> Step:
    """Settle who has answered, and how the body is to come. Raises: UnreadableAnswer."""
    if event.details not in ("", _VIA_UPSTREAM):
        return pass_local_reply(state, event, now_ns)
    headers, record, snapshot = event.headers, state.record, state.snapshot
    record.status = response_headers.status_of(headers)
    if record.outcome is Outcome.PASSED:
        return pass_unread(state, event, now_ns)
    response_headers.note_served_version(record, headers, snapshot)
    decoder = response_headers.decoder_of(headers, snapshot.limits)
    state.awaits_encoded = decoder is not None
    media, dialect = response_headers.media_of(headers), state.facts.dialect
    if not 200 <= record.status < 300:
        record.outcome = Outcome.UPSTREAM_ERROR
        if event.end:
            return pass_unread(state, event, now_ns)
        phase, mode = response_headers.awaited_error(media, headers, dialect, snapshot)
    else:
        if event.end:
            raise UnreadableAnswer("the answer has no body")
        record.streamed = media == response_headers.EVENT_STREAM
        phase, mode = response_headers.awaited(media, headers, dialect, snapshot)
    context = ResponseContext(state.facts, state.request, snapshot, state.policy, state.tokens, decoder)
    state.response = _handler(phase, context)
    state.phase = phase
    changes = response_headers.header_changes(headers, phase, snapshot)
    return Step([ContinueHeaders(Direction.RESPONSE, changes, response_body=mode)])


def _handler(phase: Phase, context: ResponseContext) -> ResponseHandler:
    if phase is Phase.STREAM:
        return StreamedResponse(context)
    if phase is Phase.BUFFERED:
        return BufferedResponse(context)
    return HeldResponse(context) if phase is Phase.HELD else ObservedResponse(context)


def pass_local_reply(state: ExchangeState, event: ResponseHeaders, now_ns: int) -> Step:
    """Envoy has answered by itself."""
    state.record.status = response_headers.status_of(event.headers)
    state.record.outcome = Outcome.LOCAL_REPLY
    return pass_unread(state, event, now_ns)


def pass_unread(state: ExchangeState, event: ResponseHeaders, now_ns: int) -> Step:
    """No model has made what comes, or it is our own response on its way out."""
    changes = response_headers.header_changes(event.headers, Phase.UNREAD, state.snapshot)
    commands = [ContinueHeaders(Direction.RESPONSE, changes, response_body=BodyMode.NONE)]
    return state.end([*commands], now_ns, Phase.UNREAD)


def take_body(state: ExchangeState, event: ResponseBody, now_ns: int) -> Step:
    """Give a chunk to the handler. Raises: as ``ResponseHandler.take_body``."""
    response = _response_of(state)
    commands = response.take_body(event, now_ns)
    return Step(commands) if response.phase is state.phase else state.end(commands, now_ns, response.phase)


def take_trailers(state: ExchangeState, _: ResponseTrailers, now_ns: int) -> Step:
    """Give trailers to the handler. Raises: as ``ResponseHandler.take_trailers``."""
    response = _response_of(state)
    commands = response.take_trailers(now_ns)
    return state.end(commands, now_ns, response.phase)


def _response_of(state: ExchangeState) -> ResponseHandler:
    if state.response is None:
        raise AssertionError("a response that is read has a handler")
    return state.response
