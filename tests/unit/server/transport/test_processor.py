"""A processor tells its ledger and its sinks of each exchange, and opens sessions on the snapshot in force."""

from __future__ import annotations

import pytest

from extproc.domain.errors import ApiError
from extproc.domain.record import ExchangeRecord
from tests.unit.server.envoy import (
    CONFIG,
    chat_sent_on,
    request_body,
    request_headers,
    response_body,
    response_headers,
    snapshot,
    unstreamed_chat,
)
from tests.unit.server.fakes import SECRET, BrokenSink, Wired, receive


@pytest.fixture
def wired() -> Wired:
    """A processor on the small configuration."""
    return Wired(snapshot())


class LedgerFake:
    """A ledger that keeps the order in which it hears of exchanges."""

    def __init__(self) -> None:
        self.refusal: ApiError | None = None
        self.heard: list[tuple[str, str]] = []

    def exchange_sent(self, record: ExchangeRecord) -> None:
        """It has begun."""
        self.heard.append(("sent", record.id))

    def exchange_ends(self, record: ExchangeRecord) -> None:
        """Its tokens are being counted."""
        self.heard.append(("ends", record.id))

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """It has ended."""
        self.heard.append(("ended", record.id))


def test_a_ledger_hears_of_an_exchange_after_each_reply_that_matters() -> None:
    """After the one that sends it on, and at its end; nothing before a reply."""
    ledger = LedgerFake()
    wired = Wired(snapshot(config=CONFIG + "ledger: {}\n"), ledger)
    wired.processor.records.ledger = ledger
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
    wired.processor.records.ledger = Broken()
    assert len(receive(wired.processor.open(), *unstreamed_chat())) == 4
    assert [line["event"] for line in wired.log if line["level"] == "error"] == ["ledger failed"]
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


def test_ids_are_unique_over_processes(wired: Wired) -> None:
    """They join our log with Envoy's: no two exchanges may share one."""
    ids = [each.processor.next_id() for each in (wired, wired, Wired(snapshot()))]
    assert len(set(ids)) == 3
