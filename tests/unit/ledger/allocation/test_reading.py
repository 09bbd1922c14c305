"""Entries as arrays: what ran, by server and payer, and nothing that did not."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.allocation.running import UNKNOWN
from extproc.allocation.slices import HOUR_US
from extproc.ledger.allocation.reading import Payer, read_exchanges
from extproc.ledger.entry import EntryOutcome
from extproc.ledger.store import LedgerStore
from tests.unit.ledger.allocation.samples import DAY, MIDNIGHT_US, ONE, OTHER, ran


def read(store: LedgerStore, span_us: tuple[int, int] = DAY) -> dict[str, list[int]]:
    """Begins of what ran, by server, relative to midnight."""
    with store.reading() as connection:
        found = read_exchanges(connection, *span_us)
    return {name: sorted((one.seen.sent_us - MIDNIGHT_US).tolist()) for name, one in found.servers.items()}


def test_each_server_has_its_own(store: LedgerStore) -> None:
    """With their numbers, times and tokens."""
    store.add(
        [
            ran(1, 1_000, 50_000, prompt_tokens=10, cached_tokens=4, completion_tokens=3, choices=2),
            ran(2, 5_000, 9_000, server=OTHER, first_token_at_us=None),
            ran(3, 7_000, 1_000, team="chat"),
        ]
    )
    with store.reading() as connection:
        found = read_exchanges(connection, *DAY)
    one, other = found.servers[ONE], found.servers[OTHER]
    at = one.seen.number.tolist().index(1)
    assert [column.tolist()[at] for column in one.seen] == [
        *(1, MIDNIGHT_US + 1_000, MIDNIGHT_US + 6_000, MIDNIGHT_US + 51_000),
        *(10, 4, 3, 2, 1.0),
    ]
    assert other.seen.first_us.tolist() == [UNKNOWN]
    search = Payer("search", "index", "b7", "gold", "support", "tiny", "v2")
    assert {found.payers[place] for place in one.payer} == {search, search._replace(team="chat")}


@pytest.mark.parametrize(
    ("changed", "runs"),
    [
        ({}, True),
        ({"outcome": EntryOutcome.CLIENT_LEFT, "completion_tokens": 0}, True),  # the server had begun
        ({"outcome": EntryOutcome.UPSTREAM_ERROR, "completion_tokens": 0, "status": 429}, False),
        ({"outcome": EntryOutcome.UPSTREAM_ERROR, "completion_tokens": 5}, True),  # it failed in mid-answer
        ({"outcome": EntryOutcome.REFUSED, "sent_at_us": None}, False),
        ({"outcome": EntryOutcome.UNREACHABLE}, False),
        ({"sent_at_us": None}, False),
    ],
)
def test_what_no_model_computed_is_left_out(store: LedgerStore, changed: dict[str, Any], runs: bool) -> None:
    """As requests that were refused, before a server or by it."""
    store.add([ran(1, 0, 1_000_000, **changed)])
    assert bool(read(store)) is runs


def test_a_time_has_what_ran_in_a_part_of_it(store: LedgerStore) -> None:
    """Also what began before, or ended after it."""
    hour = HOUR_US
    store.add([ran(1, 0, hour), ran(2, hour, hour), ran(3, hour // 2, 2 * hour), ran(4, 3 * hour, hour)])
    begin = MIDNIGHT_US + hour
    assert read(store, (begin, begin + hour)) == {ONE: [hour // 2, hour]}


def test_an_answer_without_tokens_is_all_prefill(store: LedgerStore) -> None:
    """An embedding, or a client that left before the first one."""
    store.add([ran(1, 0, 1_000_000, completion_tokens=0, first_token_at_us=None)])
    with store.reading() as connection:
        seen = read_exchanges(connection, *DAY).servers[ONE].seen
    assert seen.first_us.tolist() == seen.ended_us.tolist()


def test_many_are_read_in_parts(store: LedgerStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """And how far it is, is told."""
    monkeypatch.setattr("extproc.ledger.allocation.reading._ROWS_AT_ONCE", 4)
    store.add([ran(number, number * 1_000, 50_000) for number in range(10)])
    told: list[int] = []
    with store.reading() as connection:
        found = read_exchanges(connection, *DAY, told.append)
    assert (told, len(found.servers[ONE].payer)) == ([4, 8, 10], 10)


def test_nothing(store: LedgerStore) -> None:
    """No exchange, no server."""
    assert read(store) == {}
