"""A record reaches each sink once, at once or after its tokens were counted, whatever fails meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from extproc.domain.errors import ApiError
from extproc.domain.record import ExchangeRecord
from extproc.domain.token_rates import RequestSize
from extproc.domain.uncounted import Uncounted
from extproc.server.transport.record_sinks import RecordSinks
from tests.unit.ledger.records import record_of
from tests.unit.server.fakes import SECRET, BrokenSink, Records


class Log:
    """Keeps the events of errors."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def error(self, event: str, **fields: Any) -> None:
        """Keep."""
        self.lines.append(f"{event} {fields}")


class Ledger:
    """Keeps what it hears."""

    def __init__(self, fails: bool = False) -> None:
        self.refusal: ApiError | None = None
        self.heard: list[str] = []
        self._fails = fails

    def exchange_sent(self, record: ExchangeRecord) -> None:
        """Keep."""
        self.heard.append("sent")
        if self._fails:
            raise OSError(SECRET)

    def exchange_ends(self, record: ExchangeRecord) -> None:
        """Keep."""
        self.heard.append("ends")
        if self._fails:
            raise OSError(SECRET)


class Counter:
    """Takes records, or does not."""

    def __init__(self, takes: bool = True, fails: bool = False) -> None:
        self.waiting: list[Callable[[], None]] = []
        self._takes, self._fails = takes, fails

    def configure(self, tokenizers: Mapping[str, str]) -> None:
        """Nothing to do."""

    def take(self, record: ExchangeRecord, publish: Callable[[ExchangeRecord], None]) -> bool:
        """As told."""
        if self._fails:
            raise ValueError(SECRET)
        if self._takes:
            self.waiting.append(lambda: publish(record))
        return self._takes

    async def close(self, wait_s: float) -> None:
        """Nothing to do."""


def uncounted_record() -> ExchangeRecord:
    """One with a text."""
    return record_of(uncounted=Uncounted("t", RequestSize(), [SECRET], [], None, 0, 0, 0))


def test_a_record_waits_for_its_tokens() -> None:
    """The ledger notes its end meanwhile. No sink gets a text, also not of what is not counted."""
    records, ledger, counter, log = Records(), Ledger(), Counter(), Log()
    sinks = RecordSinks([BrokenSink(), records], ledger, counter, log)
    first, second = uncounted_record(), record_of("second")
    sinks.ended(first)
    sinks.ended(second)
    assert records.all == [second]
    assert ledger.heard == ["ends"]
    counter.waiting[0]()
    assert records.all == [second, first]
    assert first.uncounted is None
    assert [line.split(" {")[0] for line in log.lines] == ["sink failed"] * 2
    assert SECRET not in str(log.lines)


@pytest.mark.parametrize("counter", [None, Counter(takes=False), Counter(fails=True)])
def test_what_nobody_counts_is_published_at_once(counter: Counter | None) -> None:
    """Without its texts."""
    records, ledger, log = Records(), Ledger(), Log()
    sinks = RecordSinks([records], ledger, counter, log)
    record = uncounted_record()
    sinks.ended(record)
    assert records.all == [record]
    assert record.uncounted is None
    assert ledger.heard == []
    assert SECRET not in str(log.lines)


def test_a_ledger_that_fails_keeps_no_record() -> None:
    """At the beginning, or while the tokens are counted."""
    records, counter, log = Records(), Counter(), Log()
    sinks = RecordSinks([records], Ledger(fails=True), counter, log)
    record = uncounted_record()
    sinks.sent(record)
    sinks.ended(record)
    counter.waiting[0]()
    assert records.all == [record]
    assert [line.split(" {")[0] for line in log.lines] == ["ledger failed"] * 2
    assert SECRET not in str(log.lines)
    RecordSinks([records], None, counter, log).sent(record)
