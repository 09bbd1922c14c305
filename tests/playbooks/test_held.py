"""Unstreamed answers without a length: Envoy would hang on one above its buffer limit, so they are held here."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from extproc.domain.record import Outcome
from extproc.domain.text import Direction
from extproc.exchange.events import (
    Abort,
    BodyMode,
    ContinueHeaders,
    ContinueTrailers,
    HeaderChanges,
    ResponseBody,
    ResponseTrailers,
    SendChunk,
)
from tests.playbooks.driver import ALL, METER, Conversation, asked, chat_answer, response_headers, snapshot_of

ANSWER = chat_answer("Write to bob@example.org.")


def held(limit_bytes: int = 10_000, **headers: Any) -> Conversation:
    """A chat whose answer has begun, without a length."""
    talk = asked(snapshot_of(*ALL, limits={"response_body_bytes_max": limit_bytes}))
    talk.hears(response_headers(content_length="", **headers))
    return talk


def test_it_is_kept_until_its_end_and_sent_guarded() -> None:
    """Nothing of it leaves before all of it was judged; then it goes out in one piece."""
    talk = asked(snapshot_of(*ALL))
    mode = ContinueHeaders(
        Direction.RESPONSE,
        HeaderChanges((), ("content-length",)),
        response_body=BodyMode.FULL_DUPLEX,
        exchange_id="exchange-1",
    )
    assert talk.hears(response_headers(content_length="")) == [mode]
    assert talk.hears(ResponseBody(ANSWER[:40], False)) == []
    assert talk.hears(ResponseBody(ANSWER[40:], False)) == []
    (sent,) = talk.hears(ResponseBody(b"", True))
    assert isinstance(sent, SendChunk)
    assert sent.end
    assert sent.metadata == {"tokens_in": 9, "tokens_out": 4}
    assert talk.client_json["choices"][0]["message"]["content"] == "Write to <EMAIL>."
    assert talk.record.outcome is Outcome.COMPLETED


def test_what_is_not_changed_goes_out_byte_for_byte() -> None:
    """An answer in which nothing is found."""
    talk = asked(snapshot_of(METER))
    talk.hears(response_headers(content_length=""))
    plain = chat_answer("Hello").replace(b":", b" : ", 1)
    talk.hears_all([ResponseBody(plain[:7], False), ResponseBody(plain[7:], True)])
    assert talk.client == plain


def test_a_compressed_one_goes_out_plain() -> None:
    """The header is taken out before the body is there."""
    talk = asked(snapshot_of(*ALL))
    (headers,) = talk.hears(response_headers(content_length="", content_encoding="gzip"))
    assert isinstance(headers, ContinueHeaders)
    assert "content-encoding" in headers.changes.remove
    talk.hears(ResponseBody(gzip.compress(ANSWER), True))
    assert talk.client_json["choices"][0]["message"]["content"] == "Write to <EMAIL>."


def test_trailers_may_end_it() -> None:
    """Then no body says that it is the last."""
    talk = held()
    talk.hears(ResponseBody(ANSWER, False))
    sent, trailers = talk.hears(ResponseTrailers())
    assert isinstance(sent, SendChunk)
    assert not sent.end
    assert trailers == ContinueTrailers(Direction.RESPONSE)
    assert b"bob" not in talk.client


@pytest.mark.parametrize("answer", [b"not json", b"x" * 1_025], ids=["unreadable", "above the limit"])
def test_what_cannot_be_judged_breaks_off(answer: bytes) -> None:
    """The headers are out, so the client can only be told by a broken answer; nothing of it has been sent."""
    talk = held(limit_bytes=1_024)
    (abort,) = talk.hears(ResponseBody(answer, True))
    assert isinstance(abort, Abort)
    assert talk.client == b""
    assert (talk.record.outcome, talk.record.reason) == (Outcome.FAILED, "unreadable_answer")


def test_beside_a_full_duplex_filter_envoy_holds_it() -> None:
    """In mode `streamed` there is no other way to hold a body; its limit is Envoy's."""
    talk = asked(snapshot_of(*ALL, envoy={"response_stream_mode": "streamed"}))
    (headers,) = talk.hears(response_headers(content_length=""))
    assert isinstance(headers, ContinueHeaders)
    assert headers.response_body is BodyMode.BUFFERED
