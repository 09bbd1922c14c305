"""One exchange, from its first message to its end: ``step(event, now) -> Step``.

It depends on its inputs only: no socket, no clock, no protobuf, no waiting. ``TABLE`` defines the effect of each event
in each phase, and the phases that may follow. An event that is not listed for its phase is an error of the peer, and
aborts the stream. An error of the client gets a reply from us. An internal error also gets one until headers are sent;
after that, an error event in a stream; if neither is possible, the stream is aborted. ``Step.ended`` holds the record
exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from extproc.domain.errors import ApiError, PayloadRefused
from extproc.domain.pace import UNHURRIED, Abandoned, Pace, TextTooCostly
from extproc.domain.record import ExchangeRecord, Outcome
from extproc.domain.text import Direction, TextSource
from extproc.exchange import feedback
from extproc.exchange import request_steps as requests
from extproc.exchange import response_steps as responses
from extproc.exchange.budget_memory import BudgetClaim, BudgetKeeper
from extproc.exchange.budgeting import Budgeting
from extproc.exchange.claims import Claim, Limiter
from extproc.exchange.clean_texts import CleanTexts
from extproc.exchange.endpoint_picks import EndpointPicks
from extproc.exchange.events import (
    Abort,
    Command,
    ContinueBody,
    ContinueChunk,
    ContinueTrailers,
    Event,
    FeedbackAnswered,
    ImmediateResponse,
    LimitsAnswered,
    Overloaded,
    RequestBody,
    RequestHeaders,
    RequestTrailers,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
    Step,
    StreamClosed,
    VerdictMissing,
    VerdictReceived,
)
from extproc.exchange.failures import (
    ANSWER_TOO_COSTLY,
    FILTER_FAILED,
    INTERNAL,
    OVERLOADED,
    REQUEST_TOO_COSTLY,
    UNREADABLE,
)
from extproc.exchange.learned_rates import LearnedRates
from extproc.exchange.limiting import Limiting
from extproc.exchange.phases import Phase
from extproc.exchange.snapshot import Snapshot
from extproc.exchange.state import ExchangeState
from extproc.exchange.token_counts import TokenCounts
from extproc.exchange.used_marks import UsedMarks
from extproc.filters.base import ExchangeContext, ExchangeFacts
from extproc.filters.chain import FilterFailed
from extproc.payload.dialect import UnreadableResponse
from extproc.payload.encoding import BadEncoding
from extproc.payload.endpoints import CHAT
from extproc.payload.sse import EventTooLarge

_Act = Callable[[ExchangeState, Any, int], Step]


class Row(NamedTuple):
    """The effect of an event. ``to``: the phases that may follow if nothing fails; if empty, the phase stays."""

    act: _Act
    to: frozenset[Phase]


def _row(act: _Act, *to: Phase) -> Row:
    return Row(act, frozenset(to))


def _telling(*commands: Command) -> Row:
    """The body is not read: reply with fixed commands, if any."""
    return _row(lambda *_: Step([*commands]))


def _refusing(error: ApiError) -> Row:
    def refuse(*_: object) -> Step:
        raise PayloadRefused(error)

    return _row(refuse)


_PASSED_BODY: Final = _telling(ContinueBody(Direction.REQUEST))
_PASSED_REQUEST_TRAILERS: Final = _telling(ContinueTrailers(Direction.REQUEST))
_PASSED_TRAILERS: Final = _telling(ContinueTrailers(Direction.RESPONSE))
_LOCAL_REPLY: Final = _row(responses.pass_local_reply, Phase.UNREAD)
_VERDICT: Final = _row(requests.take_verdict, Phase.AWAITING, Phase.RESPONSE_HEADERS)

TABLE: Final[Mapping[Phase, Mapping[type[Event], Row]]] = {
    Phase.REQUEST_HEADERS: {
        RequestHeaders: _row(
            requests.read_headers, Phase.REQUEST_BODY, Phase.FEEDBACK, Phase.RESPONSE_HEADERS, Phase.REPLIED
        ),
        ResponseHeaders: _LOCAL_REPLY,
    },
    Phase.REQUEST_BODY: {
        RequestBody: _row(requests.judge_body, Phase.AWAITING, Phase.RESPONSE_HEADERS),
        RequestTrailers: _PASSED_REQUEST_TRAILERS,
        Overloaded: _refusing(OVERLOADED),
        ResponseHeaders: _LOCAL_REPLY,
    },
    Phase.FEEDBACK: {
        RequestBody: _row(feedback.read_body, Phase.AWAITING),
        RequestTrailers: _PASSED_REQUEST_TRAILERS,
        Overloaded: _refusing(OVERLOADED),
        ResponseHeaders: _LOCAL_REPLY,
    },
    Phase.AWAITING: {
        VerdictReceived: _VERDICT,
        VerdictMissing: _VERDICT,
        LimitsAnswered: _row(requests.take_limits, Phase.AWAITING, Phase.RESPONSE_HEADERS),
        FeedbackAnswered: _row(feedback.answer, Phase.REPLIED),
    },
    Phase.RESPONSE_HEADERS: {
        RequestTrailers: _PASSED_REQUEST_TRAILERS,
        ResponseHeaders: _row(
            responses.read_headers,
            Phase.BUFFERED,
            Phase.HELD,
            Phase.STREAM,
            Phase.OBSERVED,
            Phase.UNREAD,
            Phase.REPLIED,
        ),
    },
    Phase.BUFFERED: {
        ResponseBody: _row(responses.take_body, Phase.DONE),
        ResponseTrailers: _row(responses.take_trailers),  # always an error
    },
    Phase.HELD: {
        ResponseBody: _row(responses.take_body, Phase.HELD, Phase.DONE),
        ResponseTrailers: _row(responses.take_trailers, Phase.DONE),
    },
    Phase.STREAM: {
        ResponseBody: _row(responses.take_body, Phase.STREAM, Phase.DRAINED, Phase.DONE),
        ResponseTrailers: _row(responses.take_trailers, Phase.DONE),
    },
    Phase.OBSERVED: {
        ResponseBody: _row(responses.take_body, Phase.OBSERVED, Phase.DONE),
        ResponseTrailers: _row(responses.take_trailers, Phase.DONE),
    },
    Phase.UNREAD: {
        RequestBody: _PASSED_BODY,
        RequestTrailers: _PASSED_REQUEST_TRAILERS,
        ResponseBody: _telling(ContinueChunk()),
        ResponseTrailers: _PASSED_TRAILERS,
    },
    Phase.DRAINED: {
        ResponseBody: _telling(ContinueChunk(b"")),
        ResponseTrailers: _PASSED_TRAILERS,
    },
    Phase.REPLIED: {
        RequestTrailers: _PASSED_REQUEST_TRAILERS,
        ResponseHeaders: _row(responses.pass_unread, Phase.UNREAD),
        ResponseBody: _telling(),
        ResponseTrailers: _PASSED_TRAILERS,
    },
    Phase.DONE: {
        RequestTrailers: _PASSED_REQUEST_TRAILERS,
        ResponseBody: _telling(),
        ResponseTrailers: _PASSED_TRAILERS,
    },
}
"""``StreamClosed`` may arrive in any phase, and ends the exchange; so does any failure."""


class Exchange:
    """The state machine of one exchange."""

    __slots__ = ("_state",)

    def __init__(
        self,
        snapshot: Snapshot,
        exchange_id: str,
        now_ns: int,
        clean_texts: CleanTexts | None = None,
        learned_rates: LearnedRates | None = None,
        pace: Pace = UNHURRIED,
        unrouted: frozenset[str] = frozenset(),
        utc_s: float = 0.0,
        picks: EndpointPicks | None = None,
        egressed: frozenset[str] = frozenset(),
        limiter: Limiter | None = None,
        hop: str = "",
        refusal: ApiError | None = None,
        budgets: BudgetKeeper | None = None,
        trace_seed: int = 0,
        used_marks: UsedMarks | None = None,
    ) -> None:
        """Args:
        unrouted: MODEL/VERSION of the versions that the calling Envoy does not route.
        utc_s: the time now, since 1970. [s]
        egressed: MODEL/VERSION of those for which it calls again, in role egress.
        hop: the trusted listener of that Envoy through which the request came; empty: the one for clients.
        refusal: why no request may be sent on now, if so.
        trace_seed: chance, for the ids of its span, if the snapshot asks for one; see ``trace_contexts``.
        """
        record = ExchangeRecord(exchange_id, snapshot.revision, now_ns)
        facts = ExchangeFacts(CHAT, {}, snapshot.models, unrouted, egressed, utc_s)
        exchange = ExchangeContext(facts, record, pace=pace)
        tokens = TokenCounts(record, learned_rates)
        self._state = ExchangeState(snapshot, exchange, tokens, clean_texts, picks, hop, refusal, trace_seed)
        self._state.used_marks = used_marks
        if limiter is not None and snapshot.rate_limits is not None:
            self._state.limiting = Limiting(limiter, record, tokens, utc_s)
        if budgets is not None and snapshot.budgets is not None:
            self._state.budgeting = Budgeting(snapshot.budgets, budgets, record, tokens, utc_s)

    @property
    def record(self) -> ExchangeRecord:
        """The record so far."""
        return self._state.record

    @property
    def phase(self) -> Phase:
        """The current phase."""
        return self._state.phase

    @property
    def held(self) -> Mapping[TextSource, str]:
        """The text of a streamed response that is held back, by channel; to show it, not for the path."""
        response = self._state.response
        return {} if response is None else response.held

    @property
    def claim(self) -> Claim | None:
        """What it takes of rate limits; to show it, not for the path."""
        return None if self._state.limiting is None else self._state.limiting.claim

    @property
    def budget_claims(self) -> Sequence[BudgetClaim]:
        """The budgets that act, of who asks; to show them, not for the path."""
        return () if self._state.budgeting is None else self._state.budgeting.claims

    @property
    def awaits_request(self) -> bool:
        """Whether the request's body is expected next."""
        return self._state.phase is Phase.REQUEST_BODY or self._state.phase is Phase.FEEDBACK

    @property
    def awaits_encoded(self) -> bool:
        """Whether the next message may be a short encoding of a long text."""
        return self._state.awaits_encoded

    def step(self, event: Event, now_ns: int) -> Step:
        """Process one event. Never raises: an internal failure ends the exchange, and is in ``Step.error``.

        If the pace says that the client no longer waits, the event has no effect: ``StreamClosed`` will follow.
        """
        state = self._state
        before, kind = state.phase, type(event)
        try:
            row = TABLE[before].get(kind)
            if row is None:
                return _close(state, now_ns) if kind is StreamClosed else _unexpected(state, event, now_ns)
            step = row.act(state, event, now_ns)
            if state.phase is not before and state.phase not in row.to:
                raise AssertionError(f"{kind.__name__} leads from {before} to {state.phase}, which is not in the table")
            return step
        except Abandoned:
            return Step([])
        except PayloadRefused as refused:
            outcome = Outcome.REJECTED if refused.error.status < 500 else Outcome.FAILED
            return _refuse(state, refused.error, outcome, event, now_ns)
        except (UnreadableResponse, EventTooLarge, BadEncoding) as unreadable:
            return _fail(state, UNREADABLE, unreadable, event, now_ns)
        except FilterFailed as failed:  # its own name: mypyc gives a name the type of its first assignment
            if isinstance(failed.cause, TextTooCostly):
                return _refuse_too_costly(state, event, now_ns)
            return _fail(state, FILTER_FAILED, failed.cause, event, now_ns)
        except Exception as error:
            return _fail(state, INTERNAL, error, event, now_ns)

    def fail(self, reason: str, now_ns: int) -> Step:
        """End an exchange because of an external failure. Returns: a step without commands."""
        record = self._state.record
        if not self._state.ended:
            record.outcome, record.reason = Outcome.FAILED, reason
        return self._state.end([], now_ns)


# --- ends ----------------------------------------------------------------------------------------------------------


def _refuse(state: ExchangeState, error: ApiError, outcome: Outcome, event: Event, now_ns: int) -> Step:
    """Reply in place of the server, or end the stream with an error event."""
    record, response = state.record, state.response
    if state.ended:
        return Step([Abort(error.code)])
    record.outcome, record.reason = outcome, error.code
    commands = None if response is None else response.fail(error, event)
    if response is not None and commands is not None:
        return state.end(commands, now_ns, response.phase)
    record.status = error.status
    body = state.errors.error_body(error)
    headers = (*error.headers, *state.cors) if state.cors else error.headers
    reply = ImmediateResponse(
        error.status, body, error.code, record.id, retry_after_s=error.retry_after_s, headers=headers
    )
    return state.end([reply], now_ns, Phase.REPLIED)


def _refuse_too_costly(state: ExchangeState, event: Event, now_ns: int) -> Step:
    if isinstance(event, RequestBody):
        return _refuse(state, REQUEST_TOO_COSTLY, Outcome.REJECTED, event, now_ns)
    return _refuse(state, ANSWER_TOO_COSTLY, Outcome.FAILED, event, now_ns)


def _fail(state: ExchangeState, error: ApiError, cause: BaseException, event: Event, now_ns: int) -> Step:
    try:
        step = _refuse(state, error, Outcome.FAILED, event, now_ns)
    except Exception as second:
        cause = second
        step = state.end([Abort(INTERNAL.code)], now_ns)
    step.error = cause
    return step


def _unexpected(state: ExchangeState, event: Event, now_ns: int) -> Step:
    reason = f"{type(event).__name__} in phase {state.phase}"
    if not state.ended:
        state.record.outcome, state.record.reason = Outcome.FAILED, "unexpected_event"
    return state.end([Abort(reason)], now_ns)


def _close(state: ExchangeState, now_ns: int) -> Step:
    """Envoy's stream is closed. Before our own end this is an abort, by client or upstream; it is measured too."""
    if not state.ended and state.response is not None:
        state.response.measure_closed()
    return state.end([], now_ns)
