"""The steps of a feedback: a request that is answered here, when the ledger's store has taken it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from extproc.config.feedback import ORIGIN_HEADER
from extproc.domain.contract import UNKNOWN_IDENTITY
from extproc.domain.errors import ApiError, PayloadRefused, refuse
from extproc.domain.feedback import FEEDBACK, STORED, FeedbackClaim, FeedbackResult
from extproc.domain.record import Outcome
from extproc.domain.storable_names import storable_name
from extproc.domain.text import Direction
from extproc.exchange import request as requests
from extproc.exchange.events import (
    ContinueHeaders,
    FeedbackAnswered,
    ImmediateResponse,
    RequestBody,
    RequestHeaders,
    Step,
)
from extproc.exchange.failures import BODY_MISSING
from extproc.exchange.feedback_terms import FeedbackTerms
from extproc.exchange.identity import note_named_user
from extproc.exchange.phases import Phase
from extproc.exchange.state import ExchangeState
from extproc.payload.feedback import feedback_answer, read_feedback

NOT_FOUND: Final = ApiError(
    404,
    "invalid_request_error",
    "exchange_not_found",
    "No exchange has this id, or it is not recorded yet. If it has just ended, send the feedback again.",
    retry_after_s=1,
    headers=(("x-should-retry", "true"),),
)
TOO_LATE: Final = ApiError(
    410,
    "invalid_request_error",
    "feedback_too_late",
    "The exchange ended too long ago. No feedback for it is taken any more.",
)
TOO_MANY: Final = ApiError(
    400,
    "invalid_request_error",
    "too_much_feedback",
    "The exchange has as much feedback, of users and types, as is kept for one.",
)
UNAVAILABLE: Final = ApiError(
    503,
    "service_unavailable_error",
    "feedback_unavailable",
    "The feedback could not be stored now. Send it again: it counts once.",
    retry_after_s=5,
)
_ERRORS: Final = {
    FeedbackResult.NOT_FOUND: NOT_FOUND,
    FeedbackResult.FOREIGN: NOT_FOUND,
    FeedbackResult.TOO_LATE: TOO_LATE,
    FeedbackResult.TOO_MANY: TOO_MANY,
    FeedbackResult.UNAVAILABLE: UNAVAILABLE,
}


def is_feedback(headers: Mapping[str, str], terms: FeedbackTerms) -> bool:
    """Whether a request is for the path of feedback."""
    return requests.path_of(headers) == terms.url_path


def begin(state: ExchangeState, headers: Mapping[str, str], now_ns: int) -> Step | None:
    """Note what it is, and answer a preflight request, which has no credential; None: it is none.

    Raises: PayloadRefused (403, 405).
    """
    record, terms = state.record, _terms(state)
    record.endpoint = FEEDBACK
    state.cors = terms.cors(headers.get(ORIGIN_HEADER, ""))
    method = headers.get(":method", "")
    if method == "POST":
        return None
    record.team = record.project = record.budget_code = record.tier = record.tag = UNKNOWN_IDENTITY
    if method != "OPTIONS" or not terms.origins:
        raise refuse(405, "method_not_allowed", "Only POST is allowed on this path.")
    if headers.get(ORIGIN_HEADER, "") not in terms.origins:
        raise refuse(403, "origin_not_allowed", "Pages of this origin may not send feedback.")
    record.outcome, record.status = Outcome.ANSWERED, 204
    reply = ImmediateResponse(204, b"", FEEDBACK, record.id, headers=(*state.cors, *terms.preflight()))
    return state.end([reply], now_ns, Phase.REPLIED)


def read_headers(state: ExchangeState, event: RequestHeaders) -> Step:
    """Look at what the headers say of the body. Raises: PayloadRefused (400, 413, 415)."""
    headers = event.headers
    requests.refuse_content_type(headers)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise refuse(415, "unsupported_content_encoding", "Send the feedback uncompressed.")
    if event.end:
        raise PayloadRefused(BODY_MISSING)
    _refuse_size(requests.content_length(headers) or 0, _terms(state))
    state.phase = Phase.FEEDBACK
    return Step([ContinueHeaders(Direction.REQUEST, requests.header_changes(headers, None))])


def read_body(state: ExchangeState, event: RequestBody, _now_ns: int) -> Step:
    """Read the feedback, and wait for the store. Raises: PayloadRefused (400, 413)."""
    record, terms = state.record, _terms(state)
    record.request_bytes = len(event.body)
    _refuse_size(len(event.body), terms)
    given = read_feedback(event.body, terms.comment_chars_max)
    note_named_user(record, given.user, state.snapshot)
    team = storable_name(record.team)
    claim = FeedbackClaim(given, team, record.user, terms.comment_key, terms.age_us_max, terms.wait_ms)
    state.phase = Phase.AWAITING
    return Step([], waits=(claim,))


def answer(state: ExchangeState, event: FeedbackAnswered, now_ns: int) -> Step:
    """Tell the client what became of it. Raises: PayloadRefused (404, 410, 503)."""
    record, claim = state.record, event.claim
    if claim.result not in STORED:
        record.feedback_refusal = claim.result.value
        raise PayloadRefused(_ERRORS[claim.result])
    record.outcome, record.status = Outcome.ANSWERED, 200
    reply = ImmediateResponse(200, feedback_answer(claim), FEEDBACK, record.id, headers=state.cors)
    return state.end([reply], now_ns, Phase.REPLIED)


def _refuse_size(size_bytes: int, terms: FeedbackTerms) -> None:
    if size_bytes > terms.body_bytes_max:
        raise refuse(413, "feedback_too_large", f"The feedback is larger than {terms.body_bytes_max} bytes.")


def _terms(state: ExchangeState) -> FeedbackTerms:
    terms = state.snapshot.feedback
    if terms is None:
        raise AssertionError("feedback is read only where it is taken")
    return terms
