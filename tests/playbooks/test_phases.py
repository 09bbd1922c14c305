"""The table of the machine is what it does: each row is played, and leads to each phase that it names and no other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from extproc.domain.feedback import FeedbackClaim
from extproc.exchange.claims import Claim
from extproc.exchange.events import (
    Abort,
    Event,
    FeedbackAnswered,
    LimitsAnswered,
    Overloaded,
    RequestBody,
    RequestHeaders,
    RequestTrailers,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
    StreamClosed,
    VerdictMissing,
    VerdictReceived,
    Wait,
)
from extproc.exchange.limit_memory import LimitMemory
from extproc.exchange.machine import TABLE, Exchange
from extproc.exchange.phases import Phase
from extproc.exchange.snapshot import Snapshot
from tests.playbooks.driver import (
    DONE,
    JSON,
    METER,
    PII,
    PII_BLOCK,
    SSE,
    VERSION,
    chat_answer,
    chat_chunk,
    request_body,
    request_headers,
    response_headers,
    snapshot_of,
)

AWAITED: dict[str, Any] = {
    "guard": "classifier",
    "classifier": "harm",
    "on": "request",
    "await_ms": 500,
    "on_error": "open",
}
CLASSIFIERS = {"classifiers": {"harm": {"adapter": "packaged", "head": "injection"}}}
ALWAYS_FAILS = {(Phase.REQUEST_BODY, Overloaded), (Phase.FEEDBACK, Overloaded), (Phase.BUFFERED, ResponseTrailers)}

FULL_DUPLEX = snapshot_of(VERSION, PII_BLOCK, METER)
STREAMED = snapshot_of(VERSION, PII_BLOCK, METER, envoy={"response_stream_mode": "streamed"})
PASSING = snapshot_of(VERSION, PII, METER, requests={"allow_paths": ["GET /health"]})
LIMITS = {"rate_limits": {"limits": [{"name": "one", "of": "requests", "limit": 9, "window": "hour"}]}}
RATED = snapshot_of(VERSION, METER, ledger={}, feedback={})
ASKING = snapshot_of(VERSION, {**AWAITED, "name": "one"}, {**AWAITED, "name": "two"}, METER, **CLASSIFIERS, **LIMITS)

ASKED: list[Event] = [request_headers(), request_body(stream=True)]
EMBEDDING: list[Event] = [
    request_headers("/v1/embeddings"),
    RequestBody(b'{"model":"tiny","input":"Hi"}'),
]
VECTORS = ResponseHeaders({":status": "200", "content-type": JSON})
UNSIZED = ResponseHeaders({":status": "200", "content-type": JSON})
SIZED = response_headers(content_length=str(len(chat_answer("Hi"))))
STREAM = response_headers(SSE)
LOCAL = ResponseHeaders({":status": "503"}, details="no_healthy_upstream")
REST: list[Event] = [RequestTrailers(), ResponseBody(b"x", end=False), ResponseTrailers()]

TALKS: list[tuple[Snapshot, Sequence[Event]]] = [
    (FULL_DUPLEX, [*ASKED, RequestTrailers(), STREAM, ResponseBody(chat_chunk("Hi"), False), ResponseBody(DONE, True)]),
    (FULL_DUPLEX, [*ASKED, STREAM, ResponseBody(chat_chunk("Hi") + DONE, False), ResponseTrailers(), *REST]),
    (STREAMED, [*ASKED, STREAM, ResponseBody(chat_chunk("mail a@b.co now"), False), *REST[1:]]),
    (FULL_DUPLEX, [*ASKED, SIZED, ResponseBody(chat_answer("Hi"), True)]),
    (FULL_DUPLEX, [*ASKED, SIZED, ResponseTrailers()]),
    (FULL_DUPLEX, [*ASKED, UNSIZED, ResponseBody(b"{", False), ResponseBody(chat_answer("Hi")[1:], True)]),
    (FULL_DUPLEX, [*ASKED, UNSIZED, ResponseBody(chat_answer("Hi"), False), ResponseTrailers()]),
    (FULL_DUPLEX, [*EMBEDDING, VECTORS, ResponseBody(b"{", False), ResponseBody(b"}", True)]),
    (FULL_DUPLEX, [*EMBEDDING, VECTORS, ResponseBody(b"{}", False), ResponseTrailers()]),
    (FULL_DUPLEX, [LOCAL, *REST]),
    (FULL_DUPLEX, [request_headers(), RequestTrailers(), LOCAL, RequestBody(b"late")]),
    (FULL_DUPLEX, [request_headers(), Overloaded(), *REST, ResponseHeaders({":status": "503"})]),
    (FULL_DUPLEX, [request_headers("/v1/models", "GET", end=True)]),
    (PASSING, [request_headers("/health", "GET", end=True), response_headers("text/plain")]),
]


NOT_SENT = ResponseHeaders({":status": "421"}, details="via_upstream")


def steps_of(
    snapshot: Snapshot, events: Iterable[Event], egressed: frozenset[str] = frozenset()
) -> set[tuple[Phase, type, Phase]]:
    """From which phase each event of a talk leads to which."""
    exchange = Exchange(snapshot, "exchange-1", 0, egressed=egressed)
    seen: set[tuple[Phase, type, Phase]] = set()
    for now_ns, event in enumerate(events, 1):
        before = exchange.phase
        exchange.step(event, now_ns)
        seen.add((before, type(event), exchange.phase))
    return seen


class Store(LimitMemory):
    """Limits that are for a store to say."""

    def reserve(self, claim: Claim, now_ns: int) -> bool:
        """Nothing is reserved here."""
        return False


def steps_of_asking(*, answered: bool, limits_last: bool = True) -> set[tuple[Phase, type, Phase]]:
    """The same of a request that waits for two verdicts and the store of its limits, which answers first or last."""
    exchange = Exchange(ASKING, "exchange-1", 0, limiter=Store())
    seen: set[tuple[Phase, type, Phase]] = set()
    exchange.step(request_headers(), 1)
    waits = exchange.step(request_body(), 2).waits
    seen.add((Phase.REQUEST_BODY, RequestBody, exchange.phase))
    for wait in waits if limits_last else reversed(waits):
        event: Event
        if isinstance(wait, Claim):
            event = LimitsAnswered(wait)
        elif isinstance(wait, FeedbackClaim):
            event = FeedbackAnswered(wait)
        else:
            event = VerdictReceived(wait, ()) if answered else VerdictMissing(wait, "late")
        before = exchange.phase
        exchange.step(event, 3)
        seen.add((before, type(event), exchange.phase))
    return seen


def steps_of_feedback() -> set[tuple[Phase, type, Phase]]:
    """The same of a feedback, which waits for its store."""
    exchange = Exchange(RATED, "exchange-1", 0)
    seen: set[tuple[Phase, type, Phase]] = set()
    body = RequestBody(b'{"exchange_id":"ab-1","type":"copy"}')
    waits: Sequence[Wait] = ()
    for event in (request_headers("/v1/feedback"), body, None):
        before = exchange.phase
        heard = event or FeedbackAnswered(waits[0])  # type: ignore[arg-type]
        waits = exchange.step(heard, 1).waits
        seen.add((before, type(heard), exchange.phase))
    return seen


def test_each_row_of_the_table_is_what_happens() -> None:
    """All phases that a row names are reached, and no others."""
    seen = set().union(*(steps_of(snapshot, events) for snapshot, events in TALKS))
    seen |= steps_of(FULL_DUPLEX, [*ASKED, NOT_SENT], frozenset({"tiny/v1"}))  # no version could take it
    seen |= steps_of_feedback() | steps_of(RATED, [request_headers("/v1/feedback"), Overloaded()])
    seen |= steps_of(RATED, [request_headers("/v1/feedback"), RequestTrailers(), LOCAL])
    seen |= steps_of_asking(answered=True) | steps_of_asking(answered=False)
    seen |= steps_of_asking(answered=True, limits_last=False) | steps_of_asking(answered=False, limits_last=False)
    listed = {
        (phase, event, after)
        for phase, rows in TABLE.items()
        for event, row in rows.items()
        for after in row.to or {phase}
    }
    happened = {step for step in seen if step[:2] not in ALWAYS_FAILS}
    assert happened == {step for step in listed if step[:2] not in ALWAYS_FAILS}


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_has_its_rows(phase: Phase) -> None:
    """A phase that nobody has written down would take no event."""
    assert TABLE[phase]


def test_an_event_without_a_row_aborts_the_stream() -> None:
    """In whichever phase; the exchange is over then."""
    events: list[Event] = [RequestHeaders({}), RequestBody(b""), ResponseBody(b"", False), Overloaded()]
    for event in (event for event in events if type(event) not in TABLE[Phase.RESPONSE_HEADERS]):
        exchange = Exchange(FULL_DUPLEX, "exchange-1", 0)
        for now_ns, before in enumerate(ASKED, 1):
            exchange.step(before, now_ns)
        (action,) = exchange.step(event, 3).commands
        assert (action, exchange.phase) == (Abort(f"{type(event).__name__} in phase response_headers"), Phase.DONE)
        assert exchange.step(StreamClosed(), 4).ended is None
