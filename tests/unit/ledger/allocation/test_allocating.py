"""Days of a ledger: what is stored adds up, stays as it is, and is revised where something came late."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, func, select, update

from extproc.allocation.methods import METHODS
from extproc.allocation.server_samples import ServerSample, ServerSamples
from extproc.allocation.server_time import ServerLife
from extproc.allocation.slices import HOUR_US, GpuTerms
from extproc.database.engine import StoreFailed
from extproc.ledger.allocation.allocating import DayResult, allocate_day
from extproc.ledger.allocation.dividing import AllocationTerms
from extproc.ledger.allocation.settled import DAY_US, days_between
from extproc.ledger.allocation.share_tables import GPU_DAYS, GPU_SHARES, GPU_SLICES
from extproc.ledger.allocation.slice_rows import UNPAID
from extproc.ledger.allocation.stored_samples import GpuFacts, note_facts
from extproc.ledger.schema import ENTRIES
from extproc.ledger.store import LedgerStore
from tests.unit.ledger.allocation.samples import (
    DAY,
    MIDNIGHT_US,
    ONE,
    OTHER,
    PRICE,
    SERVERS,
    STRANGE,
    day_of_traffic,
    ran,
    terms,
)

NOW_US = MIDNIGHT_US + 2 * DAY_US


def allocated(store: LedgerStore, **changed: Any) -> DayResult:
    """A day, as it is now."""
    return allocate_day(store, terms(**changed), DAY, NOW_US)


def slices(store: LedgerStore, *conditions: Any) -> list[dict[str, Any]]:
    """Rows in order."""
    query = select(GPU_SLICES).where(*conditions).order_by(GPU_SLICES.c.server, GPU_SLICES.c.begin_us)
    return [dict(row) for row in store.rows(query.order_by(GPU_SLICES.c.revision))]


def paid(store: LedgerStore, *conditions: Any) -> dict[str, int]:
    """By team, of all servers. [GPU us]"""
    columns = GPU_SHARES.c
    query = select(columns.team, func.sum(columns.gpu_us).label("time")).where(*conditions).group_by(columns.team)
    return {row["team"]: int(row["time"]) for row in store.rows(query)}


@pytest.mark.parametrize("method", METHODS)
def test_a_day_adds_up(store: LedgerStore, method: str) -> None:
    """To the microsecond and to the billionth, in each slice."""
    store.add(day_of_traffic(200))
    found = allocated(store, method=method)
    assert (found.new, found.revised, found.unknown) == (48, 0, {})
    for row in slices(store):
        states = sum(row[name] for name in ("busy", *UNPAID))
        assert states == row["gpus"] * (row["end_us"] - row["begin_us"]) == row["gpus"] * HOUR_US
        of_slice = (GPU_SHARES.c.server == row["server"], GPU_SHARES.c.begin_us == row["begin_us"])
        assert sum(paid(store, *of_slice).values()) == row["busy"]
        cost = store.rows(select(func.coalesce(func.sum(GPU_SHARES.c.cost), 0).label("cost")).where(*of_slice))
        expected = row["gpus"] * PRICE if row["server"] == ONE else 0
        assert int(cost[0]["cost"]) + sum(row[f"{name}_cost"] for name in UNPAID) == expected


def test_one_exchange(store: LedgerStore) -> None:
    """Half an hour on two GPUs is one GPU-hour, in two slices, and costs 2.50."""
    store.add([ran(1, HOUR_US // 2 + HOUR_US // 4, HOUR_US // 2, first_token_at_us=MIDNIGHT_US + HOUR_US * 3 // 4 + 9)])
    allocated(store)
    rows = store.rows(select(GPU_SHARES).order_by(GPU_SHARES.c.begin_us))
    assert [(row["begin_us"] - MIDNIGHT_US, row["gpu_us"], row["cost"]) for row in rows] == [
        (0, HOUR_US // 2, PRICE // 2),
        (HOUR_US, HOUR_US // 2, PRICE // 2),
    ]
    assert {row["team"] for row in rows} == {"search"}


def test_what_was_done_is_not_done_again(store: LedgerStore) -> None:
    """Not even read, until the ledger has something new of that day."""
    store.add(day_of_traffic(50))
    assert allocated(store).exchanges == 50
    assert allocated(store) == DayResult(MIDNIGHT_US)
    store.add([ran(99, 30 * HOUR_US, 1_000_000)])
    assert allocated(store) == DayResult(MIDNIGHT_US)


def test_what_comes_late_revises_its_slices_only(store: LedgerStore) -> None:
    """Of its server, from its first hour to its last; and once."""
    store.add(day_of_traffic(100))
    allocated(store)
    before = slices(store)
    store.add([ran(999, 2 * HOUR_US + HOUR_US // 2, HOUR_US, team="late")])
    found = allocated(store)
    assert (found.new, found.revised) == (0, 2)
    revised = [row for row in slices(store) if row["revision"] == 2]
    assert [((row["begin_us"] - MIDNIGHT_US) // HOUR_US, row["server"]) for row in revised] == [(2, ONE), (3, ONE)]
    assert [row for row in slices(store) if row["revision"] == 1] == before
    assert paid(store, GPU_SHARES.c.revision == 2)["late"] > 0
    assert allocated(store).exchanges is None


def test_two_at_once(store: LedgerStore, url: str) -> None:
    """Both have read before one writes: the second one finds that all is done, and nothing is there twice."""
    store.add(day_of_traffic(60))
    both_have_read = threading.Barrier(2)
    found: list[DayResult] = []

    def one() -> None:
        own = LedgerStore(url, Path("/"))
        found.append(allocate_day(own, delayed(terms(), both_have_read.wait), DAY, NOW_US))
        own.close()

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.new for one in found) == [0, 48]
    assert [row["revision"] for row in slices(store)] == [1] * 48
    assert sum(paid(store).values()) == sum(row["busy"] for row in slices(store))


def test_who_has_read_less_does_not_write_over_who_has_read_more(store: LedgerStore, url: str) -> None:
    """It begins again, with what came meanwhile."""
    store.add(day_of_traffic(30))
    allocated(store)
    other = LedgerStore(url, Path("/"))
    store.add([ran(998, 2 * HOUR_US, 1_000_000, team="late")])

    def meanwhile() -> None:
        other.add([ran(999, 2 * HOUR_US, 1_000_000, team="later")])
        assert allocated(other).revised == 1

    assert allocate_day(store, delayed(terms(), meanwhile), DAY, NOW_US) == DayResult(MIDNIGHT_US)
    (revised,) = slices(store, GPU_SLICES.c.revision > 1)
    assert {"late", "later"} <= paid(store, GPU_SHARES.c.revision == revised["revision"]).keys()
    other.close()


def delayed(of: AllocationTerms, meanwhile: Callable[[], object]) -> AllocationTerms:
    """Terms with something that happens after the first reading of entries."""
    times = iter([meanwhile])

    def lives(connection: Connection, begin_us: int, end_us: int) -> Mapping[str, ServerLife]:
        for happens in times:
            happens()
        return of.lives(connection, begin_us, end_us)

    return of._replace(lives=lives)


def test_others_that_never_stop(store: LedgerStore, url: str) -> None:
    """After some tries it is a failure that may pass."""
    store.add(day_of_traffic(10))
    other = LedgerStore(url, Path("/"))
    numbers = itertools.count(100)

    def lives(connection: Connection, begin_us: int, end_us: int) -> Mapping[str, ServerLife]:
        for _ in range(2):  # the second one is not in what the other has written
            allocated(other)
            other.add([ran(next(numbers), HOUR_US, 1_000_000)])
        return terms().lives(connection, begin_us, end_us)

    with pytest.raises(StoreFailed) as failed:
        allocate_day(store, terms()._replace(lives=lives), DAY, NOW_US)
    assert failed.value.may_pass
    other.close()


def test_another_method_is_something_else(store: LedgerStore) -> None:
    """What one has written, another one leaves as it is."""
    store.add(day_of_traffic(60))
    allocated(store)
    before = slices(store)
    assert allocated(store, method="even_ps").new == 48
    assert slices(store, GPU_SLICES.c.method != "even_ps") == before
    assert sum(paid(store, GPU_SHARES.c.method == "even_ps").values()) == sum(row["busy"] for row in before)


def test_a_server_that_nobody_knows(store: LedgerStore) -> None:
    """Its exchanges are counted, and told; nothing is known of its GPUs."""
    store.add([ran(1, 0, 1_000_000, server=STRANGE), ran(2, 0, 1_000_000, server=""), ran(3, 0, 1_000_000)])
    found = allocated(store)
    assert found.unknown == {STRANGE: 1, "": 1}
    assert {row["server"] for row in slices(store)} == {ONE, OTHER}


def test_a_server_whose_gpus_are_not_known_for_some_time(store: LedgerStore) -> None:
    """Its exchanges of that time are counted as those of a server that nobody knows, and nobody pays for them."""
    noon_us = MIDNIGHT_US + 12 * HOUR_US
    terms = (GpuTerms(0, 2, PRICE, "H100"), GpuTerms(noon_us, 0, None), GpuTerms(noon_us + HOUR_US, 4, PRICE, "A100"))
    for number, at_us in enumerate(range(11 * HOUR_US, 14 * HOUR_US, HOUR_US)):
        store.add([ran(number, at_us, 1_000_000, first_token_at_us=MIDNIGHT_US + at_us + 5_000)])
    found = allocated(store, servers={ONE: SERVERS[ONE]._replace(kind="", terms=terms)}, alive=[ONE])
    assert found.unknown == {ONE: 1}
    rows = {row["begin_us"]: (row["gpus"], row["kind"], row["exchanges"]) for row in slices(store)}
    assert rows[noon_us - HOUR_US] == (2, "H100", 1)
    assert noon_us not in rows
    assert rows[noon_us + HOUR_US] == (4, "A100", 1)
    assert paid(store) == {"search": 6_000_000}


def test_gpus_that_become_known_later(store: LedgerStore) -> None:
    """What was allocated without them is allocated again, with the entries of then."""
    at_us = MIDNIGHT_US + HOUR_US
    store.add([ran(1, HOUR_US, 1_000_000, first_token_at_us=at_us + 5_000)])
    unknown = SERVERS[ONE]._replace(terms=(GpuTerms(0, 0, None),))
    assert allocated(store, servers={ONE: unknown}, alive=[ONE]).unknown == {ONE: 1}
    assert allocated(store, alive=[ONE]).exchanges is None
    with store.writing() as connection:
        note_facts(connection, ONE, GpuFacts(ONE, 2, "H100", "h100"), at_us)
    assert allocated(store, alive=[ONE]).unknown == {}
    assert paid(store) == {"search": 2_000_000}


def test_a_price_that_changes_at_noon(store: LedgerStore) -> None:
    """And a GPU more: slices are cut there, and each has one price."""
    noon_us = MIDNIGHT_US + 12 * HOUR_US + HOUR_US // 2
    changing = SERVERS[ONE]._replace(terms=(GpuTerms(0, 1, PRICE), GpuTerms(noon_us, 2, 2 * PRICE)))
    store.add([ran(1, 12 * HOUR_US, HOUR_US)])
    allocated(store, servers={ONE: changing}, alive=[ONE])
    rows = [row for row in slices(store) if row["begin_us"] >= MIDNIGHT_US + 12 * HOUR_US][:2]
    assert [(row["gpus"], row["price"], row["busy"] + row["idle"]) for row in rows] == [
        (1, PRICE, HOUR_US // 2),
        (2, 2 * PRICE, HOUR_US),
    ]


def test_an_exchange_that_ends_before_it_begins(store: LedgerStore) -> None:
    """Of a clock that was set: it ran at no time, and the sums hold."""
    begin_us = MIDNIGHT_US + HOUR_US
    store.add([ran(1, HOUR_US, -5_000), ran(2, HOUR_US, 5_000_000, first_token_at_us=begin_us + 5_000)])
    allocated(store)
    assert paid(store) == {"search": 10_000_000}


def test_days() -> None:
    """Of UTC."""
    begin_us = MIDNIGHT_US + 20 * HOUR_US
    spans = list(days_between(begin_us, begin_us + 30 * HOUR_US))
    assert [(end - begin) // HOUR_US for begin, end in spans] == [4, 24, 2]


def test_work_that_no_entry_has(store: LedgerStore) -> None:
    """It has a column of its own, and others pay no less for it."""
    store.add([ran(1, HOUR_US, 60_000_000, first_token_at_us=MIDNIGHT_US + HOUR_US + 5_000)])
    times = [MIDNIGHT_US + HOUR_US + number * 15_000_000 for number in range(8)]
    counted = [ServerSample(at, 0, 0, written=5_000 * number, computed=0) for number, at in enumerate(times)]
    allocated(store, samples={ONE: ServerSamples.of(counted)})
    (row,) = slices(store, GPU_SLICES.c.server == ONE, GPU_SLICES.c.begin_us == times[0])
    assert row["unexplained"] > 0
    assert row["busy"] + row["unexplained"] + row["idle"] == 2 * HOUR_US
    assert row["exchanges"] == 1
    assert 0 < row["busy"] < 2 * 60_000_000


def test_an_answer_that_waited_at_the_server(store: LedgerStore) -> None:
    """It is no stream, and came after ten minutes: by its steps it ran for the last quarter of a minute of them."""
    minutes = 10 * 60_000_000
    store.add(
        [ran(1, HOUR_US, minutes, first_token_at_us=None, prompt_tokens=10, cached_tokens=0, completion_tokens=100)]
    )
    times = [MIDNIGHT_US + HOUR_US + number * 15_000_000 for number in range(45)]
    steps = ServerSamples.of([ServerSample(at, 0, 0, steps=100 * number) for number, at in enumerate(times)])
    allocated(store, samples={ONE: steps})
    (row,) = slices(store, GPU_SLICES.c.server == ONE, GPU_SLICES.c.begin_us == times[0])
    assert 2 * 14_000_000 < row["busy"] < 2 * 16_000_000


def test_an_entry_of_a_lower_number_that_is_stored_later(store: LedgerStore) -> None:
    """Of two who store entries, one takes its numbers before the other, and is done after it."""
    store.add([ran(number, HOUR_US, 1_000_000) for number in range(3)])
    with store.writing() as connection:
        connection.execute(update(ENTRIES).where(ENTRIES.c.exchange == "e-2").values(number=1_000))
    assert allocated(store).exchanges == 3
    store.add([ran(9, 2 * HOUR_US, 1_000_000, team="late")])
    with store.writing() as connection:
        connection.execute(update(ENTRIES).where(ENTRIES.c.exchange == "e-9").values(number=500))
    assert allocated(store).exchanges == 4
    assert paid(store)["late"] > 0


def test_drafts_of_speculation_cost_more(store: LedgerStore) -> None:
    """Of two who ran at once for the same time, the one with more sequences pays more of them."""
    times = {"first_token_at_us": MIDNIGHT_US + HOUR_US + 5_000, "prompt_tokens": 10, "cached_tokens": 0}
    one = ran(1, HOUR_US, 60_000_000, team="one", completion_tokens=500, **times)
    store.add([one, ran(2, HOUR_US, 60_000_000, team="four", completion_tokens=2_000, choices=4, **times)])
    at = [MIDNIGHT_US + HOUR_US + number * 15_000_000 for number in range(5)]
    drafts = [ServerSample(us, 0, 0, drafts=100 * number, draft_tokens=9_900 * number) for number, us in enumerate(at)]
    allocated(store)
    plain = paid(store, GPU_SHARES.c.method == "weighted_ps_v1")
    with store.writing() as connection:
        connection.execute(delete(GPU_DAYS))
    allocated(store, samples={ONE: ServerSamples.of(drafts)})
    drafted = paid(store, GPU_SHARES.c.method == "weighted_ps_v1", GPU_SHARES.c.revision == 2)
    assert drafted["four"] / drafted["one"] > plain["four"] / plain["one"] > 1
    assert sum(drafted.values()) == sum(plain.values())
