"""Filters that fail: closed they end the exchange with an error, open they are left out and said to be so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from extproc.config.section import Mode, OnError
from extproc.domain.record import Coverage, Outcome
from extproc.domain.text import Direction
from extproc.exchange.events import (
    Abort,
    ContinueTrailers,
    ImmediateResponse,
    ResponseBody,
    ResponseTrailers,
    StreamClosed,
)
from extproc.exchange.snapshot import Snapshot
from extproc.payload.chat import ChatStream
from tests.playbooks.driver import (
    DONE,
    METER,
    SSE,
    Conversation,
    asked,
    chat_answer,
    chat_chunk,
    request_body,
    request_headers,
    response_headers,
    snapshot_of,
    text_of,
    with_guards,
)
from tests.unit.filters.fakes import Broken, FakeFilter


def failing(on_error: OnError = OnError.CLOSED, mode: str = "full_duplex", **faults: Any) -> Snapshot:
    """A configuration with a meter and one filter that fails."""
    snapshot = snapshot_of(METER, envoy={"response_stream_mode": mode})
    fails = FakeFilter("fails", on_error=on_error, **faults)
    return with_guards(snapshot, fails)


def test_closed_on_the_request() -> None:
    """The model server never sees it; the client gets an error, the log the cause."""
    for faults in ({"raises_on_request": True}, {"raises": True}, {"raises_at": "morning"}, {"raises_on_close": True}):
        talk = Conversation(failing(**faults))
        talk.hears(request_headers())
        [action] = talk.hears(request_body())
        assert isinstance(action, ImmediateResponse)
        assert (action.status, action.code) == (500, "guard_failed")
        assert talk.server is None
        assert isinstance(talk.errors[0], Broken)
        assert talk.record.outcome is Outcome.FAILED
        assert talk.record.coverage == {("fails", "request", Coverage.FAILED_CLOSED): 1}
        assert talk.record.usage is None


@pytest.mark.parametrize("faults", [{"raises_on_request": True}, {"raises": True}, {"raises_on_close": True}])
def test_a_filter_in_shadow_refuses_nothing_by_failing(faults: dict[str, Any]) -> None:
    """It is there to be tried out (real-vllm F1): ``on_error: closed`` is for what is enforced."""
    fails = FakeFilter("fails", mode=Mode.SHADOW, on_error=OnError.CLOSED, **faults)
    talk = asked(with_guards(snapshot_of(METER), fails))
    assert talk.server is not None
    talk.hears(response_headers())
    talk.hears(ResponseBody(chat_answer("Good morning"), True))
    assert b"Good morning" in talk.client
    assert talk.record.coverage["fails", "request", Coverage.FAILED_OPEN] == 1


def test_closed_on_an_unstreamed_answer() -> None:
    """The answer is withheld, and metered: the server made it."""
    talk = asked(failing(raises_at="secret"))
    talk.hears(response_headers())
    [action] = talk.hears(ResponseBody(chat_answer("a secret"), True))
    assert isinstance(action, ImmediateResponse)
    assert action.code == "guard_failed"
    assert b"secret" not in action.body
    assert talk.record.usage is not None
    assert talk.record.coverage["fails", "response", Coverage.FAILED_CLOSED] == 1


@pytest.mark.parametrize("mode", ["full_duplex", "streamed"])
def test_closed_in_mid_stream(mode: str) -> None:
    """What was judged before goes out, then an error event, and the end."""
    talk = asked(failing(mode=mode, raises_at="secret"), body=request_body(stream=True))
    talk.hears(response_headers(SSE))
    talk.hears(ResponseBody(chat_chunk("Good "), False))
    talk.hears(ResponseBody(chat_chunk("morning, ") + chat_chunk("a secret"), False))
    assert text_of(talk.client_events) == "Good morning, "
    assert talk.client_events[-2]["error"]["code"] == "guard_failed"
    assert talk.hears(ResponseBody(chat_chunk("more") + DONE, True)) in ([], talk.steps[-1].commands)
    assert b"more" not in talk.client
    assert talk.record.outcome is Outcome.FAILED
    assert talk.record.usage is not None
    assert talk.record.usage.completion >= 2


@pytest.mark.parametrize("mode", ["full_duplex", "streamed"])
def test_closed_at_trailers(mode: str) -> None:
    """Full duplex may still send an error event before them; streamed can only break the stream off."""
    snapshot = failing(mode=mode, raises_on_close=True)
    snapshot.policies[-1].response_filters[0].directions = frozenset({Direction.RESPONSE})
    talk = asked(snapshot, body=request_body(stream=True))
    talk.hears(response_headers(SSE))
    talk.hears(ResponseBody(chat_chunk("Good morning"), False))
    actions = talk.hears(ResponseTrailers())
    if mode == "streamed":
        assert actions == [Abort("guard_failed")]
    else:
        assert actions[1:] == [ContinueTrailers(Direction.RESPONSE)]
        assert talk.client_events[-2]["error"]["code"] == "guard_failed"
    assert talk.record.outcome is Outcome.FAILED


def test_open_on_the_request() -> None:
    """It goes on unjudged by this filter, the answer too."""
    talk = asked(failing(OnError.OPEN, raises_at="morning", holds=5))
    assert talk.server_json["messages"][0]["content"] == "Good morning"
    talk.hears(response_headers())
    talk.hears(ResponseBody(chat_answer("Good morning"), True))
    assert talk.client == chat_answer("Good morning")
    assert talk.record.coverage["fails", "response", Coverage.FAILED_OPEN] == 1
    assert talk.record.outcome is Outcome.COMPLETED
    assert not talk.errors


def test_open_in_mid_stream() -> None:
    """What it held goes out, in order, and all that follows."""
    talk = asked(failing(OnError.OPEN, raises_at="!", holds=4), body=request_body(stream=True))
    talk.hears(response_headers(SSE))
    for word in ("Hello ", "world", "! How ", "are you"):
        talk.hears(ResponseBody(chat_chunk(word), False))
    talk.hears(ResponseBody(chat_chunk(finish="stop") + DONE, True))
    talk.hears(StreamClosed())
    assert text_of(talk.client_events) == "Hello world! How are you"
    assert talk.record.coverage["fails", "response", Coverage.FAILED_OPEN] == 1
    assert talk.record.outcome is Outcome.COMPLETED


def test_a_bug_of_ours_on_the_request_is_answered() -> None:
    """Not a filter's failure: whatever it is, nothing passes."""
    snapshot = snapshot_of(METER)
    broken = replace(snapshot, identity=None)  # type: ignore[arg-type]
    talk = Conversation(broken)
    [action] = talk.hears(request_headers())
    assert isinstance(action, ImmediateResponse)
    assert (action.status, action.code) == (500, "internal_error")
    assert isinstance(talk.errors[0], AttributeError)


def test_an_error_of_an_error_aborts(monkeypatch: pytest.MonkeyPatch) -> None:
    """If even the answer of ours cannot be made, Envoy is told by a broken stream, which it answers with 503."""
    talk = asked(snapshot_of(METER), body=request_body(stream=True))
    talk.hears(response_headers(SSE))
    monkeypatch.setattr(ChatStream, "failure", None)
    [action] = talk.hears(ResponseBody(b"data: broken\n\n", False))
    assert isinstance(action, Abort)
    assert talk.record.outcome is Outcome.FAILED


@pytest.mark.parametrize("chunks", [1, 2])
def test_what_was_good_before_the_stream_broke_is_shown(chunks: int) -> None:
    """Also where it all came in one chunk, with the end: that was lost, so that a cut told."""
    good, broken = chat_chunk("Hello there, "), b'data: {"choices": [{"ind'
    pieces = [good + broken] if chunks == 1 else [good, broken]
    talk = asked(snapshot_of(METER), body=request_body(stream=True))
    talk.hears(response_headers(SSE))
    talk.hears_all([ResponseBody(piece, piece is pieces[-1]) for piece in pieces])
    assert talk.client.startswith(good)
    assert b"unreadable_answer" in talk.client
