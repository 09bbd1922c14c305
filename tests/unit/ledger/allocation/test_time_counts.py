"""What counters rise by: what was stored since they began, with revisions by their difference."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from extproc.allocation.methods import DEFAULT_METHOD
from extproc.allocation.server_samples import ServerSample, ServerSamples
from extproc.allocation.slices import HOUR_US
from extproc.ledger.allocation.allocating import allocate_day
from extproc.ledger.allocation.rising_sums import NEW_S
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.allocation.share_tables import GPU_SLICES
from extproc.ledger.allocation.stored_samples import GpuFacts, note_facts
from extproc.ledger.allocation.time_counts import NO_MODEL, TimeCounts
from extproc.ledger.store import LedgerStore
from tests.unit.ledger.allocation.samples import DAY, MIDNIGHT_US, ONE, OTHER, day_of_traffic, ran, terms

NOW_US = MIDNIGHT_US + 2 * DAY_US
MODELS = {"vllm-a:8000": "llama", OTHER: "qwen"}


def allocated(store: LedgerStore, **changed: Any) -> None:
    """A day, as it is now."""
    allocate_day(store, terms(**changed), DAY, NOW_US)


@pytest.fixture
def counts(store: LedgerStore) -> TimeCounts:
    """Begun in a store that has nothing yet; one server is an address behind a name."""
    with store.writing() as connection:
        note_facts(connection, ONE, GpuFacts("vllm-a:8000", 2, "H100", "h100"), MIDNIGHT_US)
    return begun(store)


def begun(store: LedgerStore) -> TimeCounts:
    """From now on."""
    found = TimeCounts(DEFAULT_METHOD, MODELS)
    with store.reading() as connection:
        found.begin(connection, MIDNIGHT_US)
    return found


class Told:
    """What counters have so far."""

    def __init__(self) -> None:
        self.used, self.unpaid = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
        self.hours = 0

    def take(self, counts: TimeCounts, store: LedgerStore, from_us: int = MIDNIGHT_US) -> None:
        """All that is new."""
        has_more = True
        with store.reading() as connection:
            counts.find(connection, from_us)
            while has_more:
                has_more = counts.count(connection)
                self.hours += 1
        for now_s in (0.0, NEW_S):
            for sums, told in ((counts.used, self.used), (counts.unpaid, self.unpaid)):
                for labels, time_us in sums.take(now_s):
                    told[labels] += time_us


def stored(store: LedgerStore) -> Counter[str]:
    """By state, of the last revisions."""
    last = select(GPU_SLICES.c.begin_us, GPU_SLICES.c.server, func.max(GPU_SLICES.c.revision).label("revision"))
    keys = {tuple(row.values()) for row in store.rows(last.group_by(GPU_SLICES.c.begin_us, GPU_SLICES.c.server))}
    found = Counter[str]()
    for row in store.rows(select(GPU_SLICES)):
        if (row["begin_us"], row["server"], row["revision"]) in keys:
            found.update({name: row[name] for name in ("busy", "idle", "starting", "sleeping", "unexplained")})
    return found


def test_all_that_was_stored_is_counted(store: LedgerStore, counts: TimeCounts) -> None:
    """Hour by hour, by team and by model."""
    store.add(day_of_traffic(100))
    allocated(store)
    told = Told()
    told.take(counts, store)
    assert told.hours == 24
    assert {labels[0] for labels in told.used} == {"search", "chat", "batch"}
    assert sum(told.used.values()) == stored(store)["busy"]
    assert {labels[0] for labels in told.unpaid} == {"llama", "qwen"}
    assert sum(time for (_, state), time in told.unpaid.items() if state == "idle") == stored(store)["idle"]
    before = Counter(told.used)
    told.take(counts, store)
    assert told.used == before


def test_what_was_stored_before_is_not_counted(store: LedgerStore) -> None:
    """A process that starts counts from 0, and only what is allocated from then on."""
    store.add(day_of_traffic(20))
    allocated(store)
    before, told = stored(store)["busy"], Told()
    counts = begun(store)
    store.add([ran(99, 2 * HOUR_US, 5_000_000, team="late")])
    allocated(store)
    told.take(counts, store)
    assert sum(told.used.values()) >= stored(store)["busy"] - before
    assert sum(time for labels, time in told.used.items() if labels[0] == "late") > 0


def test_a_revision_counts_with_what_it_has_more(store: LedgerStore, counts: TimeCounts) -> None:
    """Idle time that turns out to be used is in the counter already, and is left out of what comes later."""
    told = Told()
    store.add([ran(1, HOUR_US, 8_000_000, first_token_at_us=MIDNIGHT_US + HOUR_US + 5_000)])
    allocated(store)
    told.take(counts, store)
    idle = told.unpaid["llama", "idle"]
    store.add([ran(2, 2 * HOUR_US, 8_000_000, team="late", first_token_at_us=MIDNIGHT_US + 2 * HOUR_US + 5_000)])
    allocated(store)
    told.take(counts, store)
    assert told.unpaid["llama", "idle"] == idle == stored(store)["idle"] - 24 * HOUR_US + 16_000_000
    assert {labels[0]: time for labels, time in told.used.items()} == {"search": 16_000_000, "late": 16_000_000}


def test_another_process_that_allocated(store: LedgerStore, counts: TimeCounts, url: str) -> None:
    """Is counted all the same: a command, for one."""
    other = LedgerStore(url, Path("/"))
    store.add(day_of_traffic(10))
    allocated(other)
    other.close()
    told = Told()
    told.take(counts, store)
    assert sum(told.used.values()) == stored(store)["busy"]


def test_days_that_are_over_are_forgotten(store: LedgerStore, counts: TimeCounts) -> None:
    """And other methods count nothing."""
    store.add(day_of_traffic(10))
    allocated(store)
    allocated(store, method="even_ps")
    told = Told()
    told.take(counts, store, DAY[1])
    assert (sum(told.used.values()), sum(told.unpaid.values())) == (0, 0)


def test_a_server_that_no_version_has(store: LedgerStore, counts: TimeCounts) -> None:
    """Its idle time has no model."""
    counts.models = {}
    allocated(store)
    told = Told()
    told.take(counts, store)
    assert dict(told.unpaid) | {(NO_MODEL, "idle"): 0} == {
        (NO_MODEL, state): 0 for state in ("idle", "starting", "sleeping", "unexplained")
    }
    assert told.unpaid[NO_MODEL, "idle"] == stored(store)["idle"]


def test_time_that_no_entry_explains(store: LedgerStore, counts: TimeCounts) -> None:
    """Its share of a server's time in the last hours; of a time in which nothing is stored there is none."""
    times = [MIDNIGHT_US + HOUR_US + number * 15_000_000 for number in range(8)]
    samples = [ServerSample(at, 0, 0, written=5_000 * number, computed=0) for number, at in enumerate(times)]
    allocated(store, samples={ONE: ServerSamples.of(samples)})
    with store.reading() as connection:
        counts.find(connection, MIDNIGHT_US)
        found = counts.unexplained(connection, MIDNIGHT_US + 6 * HOUR_US)
        assert counts.unexplained(connection, MIDNIGHT_US) == []
        assert counts.until_us(connection) == DAY[1]
    (first, second) = found
    assert (first.model, first.server, second.share) == ("llama", ONE, 0.0)
    assert first.share == pytest.approx(stored(store)["unexplained"] / (6 * 2 * HOUR_US))
    assert first.share > 0.0
