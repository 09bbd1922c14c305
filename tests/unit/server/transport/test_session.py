"""A session takes Envoy's messages, never raises, and hands over exactly one record, however its stream ends."""

from __future__ import annotations

from typing import Any

import pytest

from extproc._pb import ext_proc_pb2 as pb
from extproc.domain.record import Outcome
from extproc.server.transport import session as module
from tests.unit.server.envoy import (
    request_body,
    request_headers,
    response_body,
    response_headers,
    snapshot,
    stream_chunk,
    unstreamed_chat,
)
from tests.unit.server.fakes import SECRET, BrokenExchange, BrokenToTheEnd, Wired, receive


@pytest.fixture
def wired() -> Wired:
    """A processor on the small configuration."""
    return Wired(snapshot())


def test_an_exchange_is_answered_message_by_message_and_measured_once(wired: Wired) -> None:
    """One reply each, in order; the record comes with the end of the answer, and not again with the stream's."""
    session = wired.processor.open()
    replies = receive(session, *unstreamed_chat())
    kinds = ["request_headers", "request_body", "response_headers", "response_body"]
    assert [reply.WhichOneof("response") for reply in replies] == kinds
    assert wired.steps == kinds
    session.closed()
    (record,) = wired.records.all
    assert (record.outcome, record.usage and record.usage.completion) == (Outcome.COMPLETED, 3)
    assert record.cost_micro_usd == 5 * 1 + 3 * 2


def test_the_record_waits_until_the_replies_are_sent(wired: Wired) -> None:
    """Measuring must not hold the client up."""
    session = wired.processor.open()
    receive(session, *unstreamed_chat()[:-1])
    session.receive(response_body().SerializeToString())
    assert wired.records.all == []
    session.settle()
    assert len(wired.records.all) == 1


@pytest.mark.parametrize("messages", range(1, 4))
def test_a_stream_that_ends_early_is_measured_as_aborted(wired: Wired, messages: int) -> None:
    """A client that leaves, at any moment, twice over: one record, and none in flight."""
    session = wired.processor.open()
    receive(session, *unstreamed_chat()[:messages])
    assert wired.processor.inflight == 1
    session.closed()
    session.closed()
    (record,) = wired.records.all
    assert (record.outcome, wired.processor.inflight) == (Outcome.ABORTED, 0)


def test_a_stream_that_ends_in_mid_answer_costs_what_was_generated(wired: Wired) -> None:
    """Tokens are estimated where the server's count did not come."""
    session = wired.processor.open()
    receive(session, request_headers(), request_body(stream=True), response_headers("text/event-stream"))
    receive(session, *(stream_chunk(f"word{number} ") for number in range(8)))
    session.closed()
    (record,) = wired.records.all
    assert record.outcome is Outcome.ABORTED
    assert record.usage is not None
    assert (record.usage.estimated, record.usage.completion >= 8, record.cost_micro_usd > 0) == (True, True, True)


def test_a_stream_without_messages_is_no_exchange(wired: Wired) -> None:
    """Nothing was asked."""
    wired.processor.open().closed()
    assert (wired.records.all, wired.processor.inflight) == ([], 0)


@pytest.mark.parametrize("before", [0, 1])
def test_an_unknown_message_aborts(wired: Wired, before: int) -> None:
    """It could be a body that we do not see; as a failure of ours it is counted, if there was an exchange."""
    session = wired.processor.open()
    receive(session, *unstreamed_chat()[:before])
    assert session.receive(pb.ProcessingRequest().SerializeToString()).abort == "unknown_message"
    session.closed()
    assert [(r.outcome, r.reason) for r in wired.records.all] == [(Outcome.FAILED, "unknown_message")] * before
    assert wired.processor.inflight == 0


def test_a_message_out_of_order_aborts(wired: Wired) -> None:
    """The peer does not keep to the protocol: nothing may pass."""
    session = wired.processor.open()
    replies = session.receive(response_body().SerializeToString())
    assert (replies.messages, replies.abort is not None) == ([], True)
    session.closed()
    assert [record.outcome for record in wired.records.all] == [Outcome.FAILED]


@pytest.mark.parametrize("broken", [BrokenExchange, BrokenToTheEnd])
def test_a_fault_aborts_its_own_stream_and_no_other(monkeypatch: pytest.MonkeyPatch, wired: Wired, broken: Any) -> None:
    """It is measured once as a failure, even if the exchange cannot be closed any more."""
    monkeypatch.setattr(module, "Exchange", broken)
    failing, other = wired.processor.open(), wired.processor.open()
    receive(failing, request_headers())
    receive(other, request_headers())
    assert failing.receive(request_body("break").SerializeToString()).abort == "internal_error"
    failing.closed()
    receive(other, request_body(), response_headers(), response_body())
    other.closed()
    outcomes = [(record.outcome, record.reason) for record in wired.records.all]
    assert outcomes == [(Outcome.FAILED, "internal_error"), (Outcome.COMPLETED, "")]
    assert wired.processor.inflight == 0


def test_the_log_names_a_fault_by_type_and_place(monkeypatch: pytest.MonkeyPatch, wired: Wired) -> None:
    """Enough to find it; its message, which may quote the user, is left out."""
    monkeypatch.setattr(module, "Exchange", BrokenExchange)
    session = wired.processor.open()
    receive(session, request_headers())
    session.receive(request_body("break").SerializeToString())
    (line,) = wired.log
    assert (line["level"], line["event"], line["error"]) == ("error", "exchange failed", "ValueError")
    assert line["where"].startswith("tests.unit.server.fakes:")
    assert line["reason"] == "internal_error"
    assert SECRET not in wired.stream.getvalue()


def test_two_content_types_are_none(wired: Wired) -> None:
    """One of them is JSON: whoever reads the other would read another body."""
    twice = request_headers()
    twice.request_headers.headers.headers.add(key="content-type", raw_value=b"text/plain")
    (reply,) = receive(wired.processor.open(), twice)
    assert reply.immediate_response.status.code == 415
