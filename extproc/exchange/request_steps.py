"""The steps of a request, as listed in the table of ``machine``. ``request`` reads and checks bodies."""

from __future__ import annotations

from typing import Final

from extproc.domain.contract import PICKER_HEADER
from extproc.domain.errors import PayloadRefused
from extproc.domain.record import Outcome
from extproc.domain.text import Direction
from extproc.exchange import attempts, feedback, hops, verdict_masks
from extproc.exchange import request as requests
from extproc.exchange.endpoint_picks import EndpointPick
from extproc.exchange.events import (
    BodyMode,
    ContinueBody,
    ContinueHeaders,
    ImmediateResponse,
    LimitsAnswered,
    RequestBody,
    RequestHeaders,
    Step,
    VerdictMissing,
    VerdictReceived,
)
from extproc.exchange.failures import BODY_MISSING
from extproc.exchange.identity import identity_of, note_caller, note_user, with_caller
from extproc.exchange.kept_texts import KeptTexts
from extproc.exchange.open_waits import OpenWaits
from extproc.exchange.phases import Phase
from extproc.exchange.state import ExchangeState
from extproc.exchange.trace_contexts import begin_trace, forwarded_span
from extproc.exchange.usage_bounds import note_usage_bounds
from extproc.payload.endpoints import dialect_of_errors
from extproc.payload.request_size import size_of
from extproc.payload.view import RequestView

_NOT_WAITING: Final = "only an exchange with open waits is in this phase"


def read_headers(state: ExchangeState, event: RequestHeaders, now_ns: int) -> Step:
    """Identify the caller, and check whether the path is allowed. Raises: PayloadRefused."""
    record, snapshot = state.record, state.snapshot
    headers = event.headers
    state.errors = dialect_of_errors(requests.path_of(headers), requests.speaks_anthropic(headers))
    record.endpoint = requests.endpoint_name(headers)
    if snapshot.tracing is not None:
        begin_trace(record, headers, state.trace_seed, snapshot.tracing)
    gives_feedback = snapshot.feedback is not None and feedback.is_feedback(headers, snapshot.feedback)
    if gives_feedback and (preflight := feedback.begin(state, headers, now_ns)) is not None:
        return preflight
    settled = note_caller(record, event, snapshot, state.hop, state.exchange.facts.utc_s)
    if gives_feedback:
        return feedback.read_headers(state, event)
    if settled is not None:
        headers = settled.headers
    names = requests.models_body(headers, record, snapshot)
    if names is not None:
        record.endpoint, record.outcome, record.status = requests.MODELS, Outcome.ANSWERED, 200
        return state.end([ImmediateResponse(record.status, names, requests.MODELS, record.id)], now_ns, Phase.REPLIED)
    dialect = requests.endpoint_of(headers, snapshot)
    changes = with_caller(requests.header_changes(event.headers, dialect), settled, snapshot)
    if dialect is None:
        requests.refuse_unread_body(headers, event.end)
        record.endpoint, record.outcome = requests.PASSED, Outcome.PASSED
        state.phase = Phase.RESPONSE_HEADERS
        return Step([ContinueHeaders(Direction.REQUEST, changes, BodyMode.NONE, BodyMode.NONE)])
    state.exchange.facts = state.exchange.facts._replace(dialect=dialect, headers=headers)
    state.guarded = dialect.reads_responses
    if event.end:
        raise PayloadRefused(BODY_MISSING)
    if state.refusal is not None:
        raise PayloadRefused(state.refusal)
    requests.refuse_length(headers, snapshot)
    state.phase = Phase.REQUEST_BODY
    state.awaits_encoded = "content-encoding" in headers
    changes = forwarded_span(changes, record.trace, snapshot.tracing)
    return Step([ContinueHeaders(Direction.REQUEST, changes)])


def judge_body(state: ExchangeState, event: RequestBody, now_ns: int) -> Step:
    """Read the request, and run its guards. Raises: PayloadRefused, FilterFailed."""
    hops.take_mark(state, event.body, now_ns)
    exchange, snapshot = state.exchange, state.snapshot
    state.awaits_encoded = False
    dialect, headers = exchange.facts.dialect, exchange.facts.headers
    body = requests.plain_body(event.body, headers, snapshot)
    request = state.request = dialect.read_request(body, snapshot.requests)
    requests.refuse_choices(request, dialect, snapshot)
    state.record.streamed = request.streamed
    note_user(state.record, request, snapshot)
    state.record.asked_model, state.record.request_bytes = request.model or "", len(event.body)
    if state.budgeting is not None:
        exhausted = state.budgeting.begin(now_ns)
        if exhausted:
            exchange.facts = exchange.facts._replace(exhausted=exhausted)
    state.policy = requests.choose_guards(request, exchange, snapshot)
    if state.budgeting is not None:
        state.budgeting.check(exchange, now_ns)
    if state.limiting is not None:
        state.limiting.begin(request, dialect, snapshot, now_ns)
    requests.judge(request, exchange, snapshot, state.policy, state.clean_texts)
    state.tokens.size = size_of(request, dialect)
    if exchange.choice is not None and exchange.choice.keeps_texts and not state.record.counted_in_front:
        state.tokens.texts = KeptTexts(request)
    after = request.body_after()
    hops.note_body(state, after)
    body_bytes = max(len(body), len(after)) + attempts.later_prompt_bytes(exchange)
    note_usage_bounds(state.record, request, body_bytes, snapshot.limits.usage_tokens_max)
    if state.budgeting is not None:
        state.budgeting.reserve(exchange, now_ns)
    claim = None if state.limiting is None else state.limiting.reserve(now_ns)
    state.pick = _picked(state, request, now_ns)
    told = snapshot.callers is not None and exchange.is_egressed
    caller = identity_of(state.record, headers, snapshot) if told else None
    forward = requests.forward(after, event.body, exchange, state.pick, caller)
    request.release()
    exchange.facts = exchange.facts._replace(headers={})
    if exchange.outbox.checks or claim is not None:
        state.phase = Phase.AWAITING
        state.open_waits = OpenWaits(state.policy.on_end_guards, exchange, forward, after, claim)
        return Step([], waits=state.open_waits.open, jobs=state.take_jobs())
    return _send_on(state, forward, now_ns)


def _picked(state: ExchangeState, request: RequestView, now_ns: int) -> EndpointPick | None:
    """The endpoint for the request, if the chosen version leaves that to the processor."""
    choice = state.exchange.choice
    if choice is None or not choice.picked_from or state.picks is None:
        return None
    if state.snapshot.endpoint_picker and state.exchange.facts.headers.get(PICKER_HEADER):
        return None
    texts = [field.text for field in request.texts]
    return state.picks.pick(choice.name, choice.picked_from, texts, now_ns)


def take_verdict(state: ExchangeState, event: VerdictReceived | VerdictMissing, now_ns: int) -> Step:
    """Continue a waiting request when its last wait has ended. Raises: PayloadRefused if a verdict requires it."""
    if state.open_waits is None:
        raise AssertionError(_NOT_WAITING)
    return _resume(state, state.open_waits, state.open_waits.take(event), now_ns)


def take_limits(state: ExchangeState, event: LimitsAnswered, now_ns: int) -> Step:
    """Like ``take_verdict``, of the store of rate limits. Raises: PayloadRefused if a limit has no room."""
    if state.open_waits is None or state.limiting is None:
        raise AssertionError(_NOT_WAITING)
    state.limiting.check(now_ns)
    return _resume(state, state.open_waits, state.open_waits.close(event.claim), now_ns)


def _resume(state: ExchangeState, waits: OpenWaits, forward: ContinueBody | None, now_ns: int) -> Step:
    """Send the request on if it waits for nothing more, with what verdicts mask. Raises: PayloadRefused."""
    if forward is None:
        return Step([])
    if state.exchange.outbox.masks:
        forward.body = verdict_masks.mask(state, waits.body)
    return _send_on(state, forward, now_ns)


def _send_on(state: ExchangeState, forward: ContinueBody, now_ns: int) -> Step:
    state.phase = Phase.RESPONSE_HEADERS
    state.forwarded = True
    state.tokens.sent_ns = state.record.sent_ns = now_ns
    state.open_waits = None
    forward = hops.with_mark(forward, state, now_ns)
    if hops.passes_response(state):
        state.record.outcome = Outcome.PASSED
    if not state.snapshot.keeps_ledger:
        return Step([forward], jobs=state.take_jobs())
    state.record.size = state.tokens.size
    return Step([forward], jobs=state.take_jobs(), sent_on=state.record)
