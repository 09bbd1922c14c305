"""How a stream is taken: in both modes of Envoy, compressed, broken, and to every end that it may have."""

from __future__ import annotations

import gzip
from typing import Any

import brotli
import pytest

from extproc.domain.record import Coverage, Outcome
from extproc.domain.text import Direction
from extproc.exchange.events import (
    Abort,
    BodyMode,
    ContinueChunk,
    ContinueHeaders,
    ContinueTrailers,
    ResponseTrailers,
    SendChunk,
    StreamClosed,
)
from tests.playbooks.driver import (
    ALL,
    DONE,
    METER,
    PII,
    PII_BLOCK,
    SSE,
    answered,
    asked,
    chat_chunk,
    chunks,
    request_body,
    response_headers,
    snapshot_of,
    text_of,
    usage_chunk,
)
from tests.playbooks.streams import HELLO, event, streaming

STREAMED_MODE = {"envoy": {"response_stream_mode": "streamed"}}


def test_streamed_mode_answers_each_chunk_and_drains_after_a_cut() -> None:
    """``response_stream_mode: streamed``: one reply a chunk; after the cut what still comes is thrown away."""
    talk = asked(snapshot_of(PII_BLOCK, **STREAMED_MODE), body=request_body(stream=True))
    assert talk.hears(response_headers(SSE)) == [
        ContinueHeaders(Direction.RESPONSE, response_body=BodyMode.STREAMED, exchange_id="exchange-1")
    ]
    assert talk.hears(event(chat_chunk("Hi "))) == [ContinueChunk()], "unchanged"
    assert talk.hears(event(chat_chunk("a@b"))) == [ContinueChunk(b"")], "held"
    assert talk.hears(event(chat_chunk(".co "))) == [ContinueChunk(chat_chunk(finish="content_filter") + DONE)]
    assert talk.record.outcome is Outcome.CUT
    assert talk.hears(event(chat_chunk("secret"))) == [ContinueChunk(b"")]
    assert talk.hears(event(DONE, end=True)) == [ContinueChunk(b"")]
    assert talk.hears(StreamClosed()) == []
    assert talk.client == chat_chunk("Hi ") + chat_chunk(finish="content_filter") + DONE


def test_streamed_mode_to_a_normal_end() -> None:
    """The last chunk carries what was held."""
    talk = answered(snapshot_of(PII, **STREAMED_MODE), HELLO + DONE, [100, 200], stream=True)
    assert text_of(talk.client_events) == "Hello"
    assert talk.record.outcome is Outcome.COMPLETED


def test_trailers_end_a_stream() -> None:
    """An HTTP/2 upstream: what is held goes out before the trailers."""
    talk = streaming(snapshot_of(PII))
    talk.hears(event(chat_chunk("Hello world")))
    assert talk.hears(ResponseTrailers()) == [
        SendChunk(chat_chunk("world"), end=False),
        ContinueTrailers(Direction.RESPONSE),
    ]
    assert talk.record.outcome is Outcome.COMPLETED


def test_trailers_with_nothing_held() -> None:
    """Only they are answered."""
    talk = streaming(snapshot_of(PII))
    talk.hears(event(HELLO, DONE))
    assert talk.hears(ResponseTrailers()) == [ContinueTrailers(Direction.RESPONSE)]


def test_trailers_in_streamed_mode_with_text_held_abort() -> None:
    """No body can be sent any more, and text must not vanish in silence."""
    talk = streaming(snapshot_of(PII, **STREAMED_MODE))
    talk.hears(event(chat_chunk("Hello world")))
    [action] = talk.hears(ResponseTrailers())
    assert isinstance(action, Abort)
    assert talk.record.outcome is Outcome.FAILED


def test_trailers_in_streamed_mode_with_nothing_held() -> None:
    """A normal end."""
    talk = streaming(snapshot_of(PII, **STREAMED_MODE))
    talk.hears(event(HELLO, DONE))
    assert talk.hears(ResponseTrailers()) == [ContinueTrailers(Direction.RESPONSE)]
    assert talk.record.outcome is Outcome.COMPLETED


@pytest.mark.parametrize("mode", ["full_duplex", "streamed"])
def test_an_event_that_cannot_be_read_ends_the_stream_with_an_error(mode: str) -> None:
    """What was good before it goes out, then an error event; nothing unread."""
    talk = streaming(snapshot_of(*ALL, envoy={"response_stream_mode": mode}))
    talk.hears(event(chat_chunk("Good ")))
    talk.hears(event(chat_chunk("morning "), b"data: {broken\n\n", chat_chunk("secret")))
    assert b"secret" not in talk.client
    assert b"broken" not in talk.client
    assert text_of(talk.client_events) == "Good morning "
    assert talk.client_events[-2]["error"]["code"] == "unreadable_answer"
    record = talk.record
    assert (record.outcome, record.reason) == (Outcome.FAILED, "unreadable_answer")
    assert record.coverage["pii", "response", Coverage.SKIPPED_INCOMPLETE] == 1
    assert record.usage is not None
    assert record.usage.completion >= 2
    assert talk.errors


def test_an_event_over_the_limit_ends_the_stream_with_an_error() -> None:
    """A server that never ends an event must not fill our memory."""
    talk = streaming(snapshot_of(PII, limits={"sse_event_bytes_max": 1_024}))
    talk.hears(event(b"data: " + b"x" * 2_000))
    assert talk.client_events[0]["error"]["code"] == "unreadable_answer"
    assert talk.closed


@pytest.mark.parametrize(("name", "compress"), [("gzip", gzip.compress), ("br", brotli.compress)])
@pytest.mark.parametrize("mode", ["full_duplex", "streamed"])
def test_a_compressed_stream_is_read_all_the_same(name: str, compress: Any, mode: str) -> None:
    """It goes out plain, without the header."""
    talk = asked(snapshot_of(PII, envoy={"response_stream_mode": mode}), body=request_body(stream=True))
    [action] = talk.hears(response_headers(SSE, content_encoding=name))
    assert isinstance(action, ContinueHeaders)
    assert action.changes.remove == ("content-encoding",)
    talk.hears_all(chunks(compress(chat_chunk("a@b.co ") + DONE), [5, 20, 40]))
    assert text_of(talk.client_events) == "<EMAIL> "


def test_a_client_that_goes_away_is_metered_by_what_it_got() -> None:
    """No usage came: counted, and said to be an estimate."""
    talk = streaming(snapshot_of(*ALL))
    for word in ("one ", "two ", "three "):
        talk.hears(event(chat_chunk(word)))
    talk.hears(StreamClosed())
    record = talk.record
    assert record.outcome is Outcome.ABORTED
    assert record.usage is not None
    assert (record.usage.completion, record.usage.estimated) == (3, True)
    assert record.coverage["pii", "response", Coverage.SKIPPED_INCOMPLETE] == 1
    assert record.cost_micro_usd > 0


def test_a_client_that_goes_away_after_the_last_event_has_all_of_it() -> None:
    """Clients close after ``[DONE]`` and do not wait for the end of the body."""
    talk = streaming(snapshot_of(*ALL))
    talk.hears(event(HELLO, usage_chunk(), DONE))
    talk.hears(StreamClosed())
    assert (talk.record.outcome, talk.record.answers) == (Outcome.COMPLETED, 1)
    assert talk.record.coverage["pii", "response", Coverage.CHECKED] == 1


@pytest.mark.parametrize("body", [b"", b"Write to bob@example.org.\n\n", b": bob@example.org\n\n"])
def test_a_stream_without_an_event_is_no_answer(body: bytes) -> None:
    """Another content under the name of a stream: nothing of it passes, and the client is told."""
    talk = streaming(snapshot_of(PII, METER))
    talk.hears(event(body, end=True))
    assert b"bob" not in talk.client
    assert b"unreadable_answer" in talk.client
    assert (talk.record.outcome, talk.record.reason) == (Outcome.FAILED, "unreadable_answer")
