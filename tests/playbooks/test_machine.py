"""Any events in any order: a step never raises, and an exchange ends exactly once."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from extproc.config.section import OnError
from extproc.domain.record import Outcome
from extproc.exchange.events import (
    Abort,
    BodyMode,
    ContinueBody,
    ContinueHeaders,
    Event,
    ImmediateResponse,
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
from extproc.exchange.machine import Exchange
from extproc.exchange.snapshot import Snapshot
from tests.playbooks.driver import (
    ALL,
    CHAT,
    DONE,
    JSON,
    PII_BLOCK,
    SSE,
    chat_answer,
    chat_chunk,
    request_body,
    request_headers,
    response_headers,
    snapshot_of,
    usage_chunk,
    with_guards,
)
from tests.unit.filters.fakes import FakeFilter

OTHERS = ["/v1/messages", "/v1/responses", "/v1/embeddings", "/v1/rerank", "/v1/models", "/v1/feedback", "/other"]
PATHS = st.sampled_from([CHAT, CHAT, CHAT, *OTHERS])
HEADERS = st.builds(
    lambda path, method, end, length, encoding: request_headers(
        path, method, end=end, content_length=length, content_encoding=encoding
    ),
    PATHS,
    st.sampled_from(["POST", "POST", "GET"]),
    st.sampled_from([False, False, False, True]),
    st.sampled_from(["", "10", "999999999999", "x"]),
    st.sampled_from(["identity", "identity", "gzip", "odd"]),
)
REQUEST_BODIES = st.sampled_from(
    [
        request_body(),
        request_body(stream=True),
        request_body(stream=True, n=2),
        request_body(messages=[{"role": "user", "content": "mail bob@example.org"}]),
        RequestBody(b'{"model":"tiny","input":"Hi","stream":true}'),
        RequestBody(b'{"model":"tiny","query":"Hi","documents":["mail bob@example.org"]}'),
        RequestBody(b'{"exchange_id":"ab-1","type":"copy"}'),
        RequestBody(b"{"),
        RequestBody(b""),
    ]
)
RESPONSE_HEADERS = st.builds(
    lambda media, status, end, details, encoding: ResponseHeaders(
        {":status": status, "content-type": media, "content-encoding": encoding}, end, details
    ),
    st.sampled_from([JSON, SSE, SSE, "text/plain", ""]),
    st.sampled_from(["200", "200", "200", "400", "500", "204", ""]),
    st.sampled_from([False, False, False, True]),
    st.sampled_from(["via_upstream", "", "", "no_healthy_upstream"]),
    st.sampled_from(["identity", "identity", "gzip", "odd"]),
)
PIECES = st.sampled_from(
    [
        chat_chunk("Hello "),
        chat_chunk("mail a@b.co"),
        chat_chunk("more", 1),
        chat_chunk(finish="stop"),
        chat_chunk("x" * 3_000),
        usage_chunk(),
        DONE,
        chat_answer("mail a@b.co"),
        b"data: {broken\n\n",
        b'data: {"error":{"message":"a@b.co"}}\n\n',
        b": comment\n\n",
        b"",
        b"\xff\x00",
    ]
)
RESPONSE_BODIES = st.builds(
    lambda pieces, kept, end: ResponseBody(b"".join(pieces)[:kept], end),
    st.lists(PIECES, max_size=3),
    st.integers(0, 2_000),
    st.sampled_from([False, False, True]),
)
ANY_EVENT: st.SearchStrategy[Event] = st.one_of(
    HEADERS,
    REQUEST_BODIES,
    st.just(RequestTrailers()),
    RESPONSE_HEADERS,
    RESPONSE_BODIES,
    st.just(ResponseTrailers()),
    st.just(StreamClosed()),
)
# In the order of a real exchange, which random events hardly ever hit.
LIKELY = st.builds(
    lambda headers, body, answer, chunks, rest: [headers, body, answer, *chunks, *rest],
    st.just(request_headers()) | HEADERS,
    REQUEST_BODIES,
    st.just(response_headers(SSE)) | st.just(response_headers()) | RESPONSE_HEADERS,
    st.lists(RESPONSE_BODIES, max_size=5),
    st.lists(ANY_EVENT, max_size=2),
)
EVENTS = LIKELY | st.lists(ANY_EVENT, max_size=8)


def with_fake(on_error: OnError, mode: str) -> Snapshot:
    """A configuration with a filter that fails on some texts."""
    snapshot = snapshot_of(*ALL, envoy={"response_stream_mode": mode})
    fake = FakeFilter("fails", holds=2, raises_at="more", on_error=on_error)
    return with_guards(snapshot, fake)


SNAPSHOTS = [
    snapshot_of(*ALL),
    snapshot_of(PII_BLOCK, envoy={"response_stream_mode": "streamed"}),
    snapshot_of(PII_BLOCK, limits={"channels_max": 8, "sse_event_bytes_max": 1_024, "response_body_bytes_max": 4_096}),
    with_fake(OnError.CLOSED, "streamed"),
    with_fake(OnError.OPEN, "full_duplex"),
]
TAKING_FEEDBACK = snapshot_of(*ALL, ledger={}, feedback={"origins": ["https://chat.example.com"]})


def play(snapshot: Snapshot, events: list[Event]) -> list[Step]:
    """All steps, the stream's close included."""
    exchange = Exchange(snapshot, "exchange-1", 0)
    return [exchange.step(event, number) for number, event in enumerate([*events, StreamClosed()], 1)]


@given(st.sampled_from([*SNAPSHOTS, TAKING_FEEDBACK]), EVENTS)
def test_an_exchange_ends_exactly_once(snapshot: Snapshot, events: list[Event]) -> None:
    """Whatever comes; and what it ended with does not change afterwards."""
    exchange = Exchange(snapshot, "exchange-1", 0)
    ended, errors = [], []
    for number, event in enumerate([*events, StreamClosed()], 1):
        step = exchange.step(event, number)
        errors += [step.error] if step.error is not None else []
        ended += [(number, step.ended, repr(step.ended))] if step.ended is not None else []
    assert len(ended) == 1
    number, record, written = ended[0]
    assert repr(record) == written
    assert record.ended_ns == number
    assert record.started_ns <= record.first_text_ns <= record.ended_ns
    assert record.first_text_ns <= record.last_text_ns <= record.ended_ns
    if record.outcome in (Outcome.PASSED, Outcome.LOCAL_REPLY, Outcome.REJECTED):
        assert record.usage is None
    if errors:
        assert record.outcome is Outcome.FAILED


@given(st.sampled_from(SNAPSHOTS), EVENTS)
def test_what_is_answered_fits_what_was_asked(snapshot: Snapshot, events: list[Event]) -> None:
    """One reply a message, of its kind; in full duplex none or more; nothing after an answer or an abort of ours."""
    over = False
    for event, step in zip(events, play(snapshot, events), strict=False):
        kinds = Counter(type(action) for action in step.commands)
        if over:
            assert not kinds[SendChunk] + kinds[ImmediateResponse]
            continue
        if kinds[ImmediateResponse] or kinds[Abort]:
            assert sum(kinds.values()) == 1
            over = True
        elif isinstance(event, RequestHeaders | ResponseHeaders):
            assert kinds == {ContinueHeaders: 1}
        elif isinstance(event, RequestBody):
            assert kinds == {ContinueBody: 1}
        elif isinstance(event, ResponseBody):
            assert sum(kinds.values()) <= 1
            over = any(isinstance(action, SendChunk) and action.end for action in step.commands)


@given(EVENTS)
def test_no_answer_passes_unread(events: list[Event]) -> None:
    """On a guarded path a body is only left unread if Envoy or we ourselves made it."""
    steps = play(SNAPSHOTS[0], events)
    record = next(step.ended for step in steps if step.ended is not None)
    unread = any(
        isinstance(action, ContinueHeaders)
        and action.response_body is BodyMode.NONE
        and isinstance(event, ResponseHeaders)
        for event, step in zip(events, steps, strict=False)
        for action in step.commands
    )
    if unread:
        empty = any(isinstance(event, ResponseHeaders) and event.end for event in events)
        ours = any(isinstance(action, ImmediateResponse) for step in steps for action in step.commands)
        assert record.outcome in (Outcome.PASSED, Outcome.LOCAL_REPLY) or ours or empty
