"""Filters are told how a choice has ended; what fails then fails as anywhere else."""

from __future__ import annotations

import pytest

from extproc.config.section import OnError
from extproc.domain.record import Outcome
from extproc.filters.base import ExchangeContext
from extproc.filters.chain import Channels, FilterFailed
from tests.playbooks.driver import DONE, METER, VERSION, answered, chat_answer, chat_chunk, snapshot_of, with_guards
from tests.unit.filters.fakes import Broken, FakeFilter, exchange_of


class Listener(FakeFilter):
    """Notes what it is told."""

    def __init__(self, name: str = "listener", fails: bool = False, on_error: OnError = OnError.CLOSED) -> None:
        super().__init__(name, looks_only=True, on_error=on_error)
        self.fails = fails
        self.heard: list[tuple[int, bool]] = []

    def on_choice_end(self, choice: int, cut_short: bool, exchange: ExchangeContext) -> None:
        """Note it, or raise."""
        if self.fails:
            raise Broken
        self.heard.append((choice, cut_short))


def test_each_choice_is_told_once() -> None:
    """In the order in which they end, whole or streamed."""
    whole, streamed = Listener(), Listener()
    snapshot = snapshot_of(VERSION, METER)
    answered(with_guards(snapshot, whole), chat_answer("a", "b"), n=2)
    stream = (
        chat_chunk("a") + chat_chunk("b", 1) + chat_chunk(index=1, finish="length") + chat_chunk(finish="stop") + DONE
    )
    answered(with_guards(snapshot, streamed), stream, n=2, stream=True)
    assert whole.heard == [(0, False), (1, False)]
    assert streamed.heard == [(1, True), (0, False)]


def test_a_choice_that_was_cut_is_not_told() -> None:
    """Its end is ours."""
    listener = Listener()
    guards = (FakeFilter("cutter", rejects_at="x"), listener)
    talk = answered(with_guards(snapshot_of(VERSION, METER), *guards), chat_answer("axb", "c"), n=2)
    assert talk.record.outcome is Outcome.CUT
    assert listener.heard == [(1, False)]


def test_a_filter_that_fails_at_the_end_fails_as_it_says() -> None:
    """Closed: the exchange ends; open: the filter is left out of the rest."""
    exchange = exchange_of()
    with pytest.raises(FilterFailed):
        Channels((Listener(fails=True),), exchange, 8).end_choice(0, False)
    opened, after = Listener("opened", fails=True, on_error=OnError.OPEN), Listener("after")
    channels = Channels((opened, after), exchange, 8)
    channels.end_choice(0, False)
    opened.fails = False
    channels.end_choice(1, True)
    assert exchange.failed_open == {"opened"}
    assert (opened.heard, after.heard) == ([], [(0, False), (1, True)])


@pytest.mark.parametrize("streamed", [False, True])
def test_the_client_of_a_failed_exchange_is_told(streamed: bool) -> None:
    """By an error in the place of the answer, or at the end of the stream."""
    snapshot = with_guards(snapshot_of(VERSION, METER), Listener(fails=True))
    answer = chat_chunk("a") + chat_chunk(finish="stop") + DONE if streamed else chat_answer("a")
    talk = answered(snapshot, answer, stream=streamed)
    assert talk.record.outcome is Outcome.FAILED
    assert b"error" in talk.client
