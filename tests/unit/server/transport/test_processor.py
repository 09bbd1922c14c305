"""A session takes Envoy's messages, never raises, and hands over exactly one record, however its stream ends."""

from __future__ import annotations

from typing import Any

import pytest

from extproc._pb import ext_proc_pb2 as pb
from extproc.domain.errors import ApiError
from extproc.domain.record import ExchangeRecord, Outcome
from extproc.server.transport import processor as module
from extproc.server.transport.processor import Session
from tests.unit.server.envoy import (
    CONFIG,
    chat_sent_on,
    request_body,
    request_headers,
    response_body,
    response_headers,
    snapshot,
    stream_chunk,
    unstreamed_chat,
)
from tests.unit.server.fakes import SECRET, BrokenExchange, BrokenSink, BrokenToTheEnd, Wired


@pytest.fixture
def wired() -> Wired:
    """A processor on the small configuration."""
    return Wired(snapshot())


def receive(session: Session, *messages: pb.ProcessingRequest) -> list[pb.ProcessingResponse]:
    """Gives a session messages as a transport does; none may abort."""
    sent = []
    for message in messages:
        replies = session.receive(message.SerializeToString())
        assert replies.abort is None
        sent += [pb.ProcessingResponse.FromString(reply) for reply in replies.messages]
        session.settle()
    return sent


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


class LedgerFake:
    """A ledger that keeps the order in which it hears of exchanges."""

    def __init__(self) -> None:
        self.refusal: ApiError | None = None
        self.heard: list[tuple[str, str]] = []

    def exchange_sent(self, record: ExchangeRecord) -> None:
        """It has begun."""
        self.heard.append(("sent", record.id))

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """It has ended."""
        self.heard.append(("ended", record.id))


def test_a_ledger_hears_of_an_exchange_after_each_reply_that_matters() -> None:
    """After the one that sends it on, and at its end; nothing before a reply."""
    ledger = LedgerFake()
    wired = Wired(snapshot(config=CONFIG + "ledger: {}\n"), ledger)
    wired.processor.ledger = ledger
    session = wired.processor.open()
    first, body, *rest = unstreamed_chat()
    receive(session, first)
    session.receive(body.SerializeToString())
    assert ledger.heard == []
    session.settle()
    name = wired.processor._id_prefix + "-1"
    assert ledger.heard == [("sent", name)]
    receive(session, *rest)
    session.closed()
    assert ledger.heard == [("sent", name), ("ended", name)]


def test_a_ledger_that_fails_hinders_no_exchange() -> None:
    """It is told, without a text."""

    class Broken(LedgerFake):
        def exchange_sent(self, record: ExchangeRecord) -> None:
            raise OSError(SECRET)

    wired = Wired(snapshot(config=CONFIG + "ledger: {}\n"))
    wired.processor.ledger = Broken()
    assert len(receive(wired.processor.open(), *unstreamed_chat())) == 4
    assert [line["event"] for line in wired.log if line["level"] == "error"] == ["ledger failed"]
    assert SECRET not in wired.stream.getvalue()


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


def test_a_sink_that_fails_is_logged_and_does_not_stop_the_others() -> None:
    """The record still reaches the sinks after it, and the exchange was answered."""
    wired = Wired(snapshot(), BrokenSink())
    session = wired.processor.open()
    receive(session, *unstreamed_chat())
    session.closed()
    assert len(wired.records.all) == 1
    (line,) = wired.log
    assert (line["event"], line["sink"], line["error"]) == ("sink failed", "BrokenSink", "OSError")
    assert SECRET not in wired.stream.getvalue()


def test_a_log_that_cannot_be_written_ends_nothing() -> None:
    """The reader of the log has gone: exchanges go on."""
    wired = Wired(snapshot(), BrokenSink())
    wired.stream.close()
    session = wired.processor.open()
    receive(session, *unstreamed_chat())
    assert len(wired.records.all) == 1


def test_an_exchange_keeps_the_configuration_that_it_began_with(wired: Wired) -> None:
    """A new one is in force for the next exchange, whole; within one it never changes."""
    session = wired.processor.open()
    receive(session, request_headers())
    first = wired.processor.snapshot
    wired.processor.snapshot = snapshot("Be verbose.")
    (reply,) = receive(session, request_body())
    assert chat_sent_on(reply)["messages"][0]["content"] == "Be brief."
    receive(session, response_headers(), response_body())
    later = wired.processor.open()
    _, reply = receive(later, request_headers(), request_body())
    assert chat_sent_on(reply)["messages"][0]["content"] == "Be verbose."
    later.closed()
    assert [record.revision for record in wired.records.all] == [first.revision, wired.processor.snapshot.revision]


def test_two_content_types_are_none(wired: Wired) -> None:
    """One of them is JSON: whoever reads the other would read another body."""
    twice = request_headers()
    twice.request_headers.headers.headers.add(key="content-type", raw_value=b"text/plain")
    (reply,) = receive(wired.processor.open(), twice)
    assert reply.immediate_response.status.code == 415


def test_ids_are_unique_over_processes(wired: Wired) -> None:
    """They join our log with Envoy's: no two exchanges may share one."""
    ids = [each.processor.next_id() for each in (wired, wired, Wired(snapshot()))]
    assert len(set(ids)) == 3
