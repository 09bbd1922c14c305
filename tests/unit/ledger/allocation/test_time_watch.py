"""One process allocates what is settled, once an hour, and counts it; what goes wrong is told once."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update

from extproc.allocation.slices import HOUR_US
from extproc.database.engine import StoreFailed
from extproc.ledger.allocation.rising_sums import NEW_S
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.allocation.settling import settle
from extproc.ledger.allocation.settling_run import COMMAND
from extproc.ledger.allocation.share_tables import ALLOCATION_LEADER
from extproc.ledger.allocation.time_settings import TimeSettings
from extproc.ledger.allocation.time_watch import (
    BEAT_S,
    NOT_LEADING,
    RETRY_S,
    TAKE_S,
    TAKEN_OVER_S,
    AllocatingTerms,
    GpuTimeSeen,
    GpuTimeWatch,
)
from extproc.ledger.store import LedgerStore
from tests.unit.ledger.allocation.samples import MIDNIGHT_US, ONE, OTHER
from tests.unit.ledger.allocation.test_sampling import until
from tests.unit.ledger.allocation.test_settling import SECTION, lone, settings

NOON_US = MIDNIGHT_US + 12 * HOUR_US
IDLES = (sys.executable, "-c", "import sys; sys.stdin.read()")


def says(**found: Any) -> Sequence[str]:
    """A program that says this, and is no process that allocates."""
    return (
        sys.executable,
        "-c",
        f"print({json.dumps(json.dumps({'problems': [], 'too_large': [], 'unknown': {}} | found))})",
    )


class Process:
    """The watch of one process, with its clocks."""

    def __init__(self, store: LedgerStore, url: str, command: Sequence[str] = COMMAND) -> None:
        self.now_s, self.now_us = 0.0, NOON_US
        self.told: list[str] = []
        self.seen: list[GpuTimeSeen] = []
        self.terms = AllocatingTerms(url, Path("/"), TimeSettings(SECTION.model_dump_json(), {ONE: "llama"}))
        clocks = (lambda: self.now_s), (lambda: self.now_us)
        self.watch = GpuTimeWatch(store, self.terms, self.told.append, clocks, command)

    def look(self, after_s: float = 0.0) -> None:
        """Some time later."""
        self.now_s += after_s
        self.now_us += int(after_s * 1_000_000)
        seen = self.watch.look()
        if seen is not None:
            self.seen.append(seen)

    def run(self) -> None:
        """Look until a run has ended, and all of it was told."""
        until(lambda: self.has_run())
        for after_s in (0.0, *(TAKE_S for _ in range(int(NEW_S // TAKE_S) + 1))):
            self.look(after_s)
        for _ in range(50):  # an hour of slices each
            self.look()
        self.look(TAKE_S)

    def has_run(self) -> bool:
        """Whether none runs any more."""
        self.look()
        return self.watch._run is None

    def counted(self) -> Counter[tuple[str, ...]]:
        """By labels, what was told so far. [GPU us]"""
        found = Counter[tuple[str, ...]]()
        for seen in self.seen:
            for labels, time_us in (*seen.used, *seen.unpaid):
                found[labels] += time_us
        return found


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[tuple[LedgerStore, str]]:
    """A store, where one database is as good as another."""
    url = f"sqlite:///{tmp_path}/watch.db"
    store = LedgerStore(url, Path("/"))
    yield store, url
    store.close()


def test_what_is_settled_is_allocated_and_counted(store: LedgerStore, url: str) -> None:
    """Then nothing, until another hour is settled."""
    process = Process(store, url)
    store.add([lone(1, 2 * HOUR_US, 10_000_000), lone(2, 11 * HOUR_US + 1, 9_000_000, team="late")])
    process.run()
    assert process.told == []
    counted = process.counted()
    assert {labels[0]: time for labels, time in counted.items() if len(labels) == 4} == {"search": 20_000_000}
    assert counted["llama", "idle"] == 0  # the server was not asked, so nothing is known of it but its exchanges
    (last,) = [seen for seen in process.seen if seen.until_us is not None]
    assert last.until_us == NOON_US - HOUR_US
    assert [one.server for one in last.unexplained or ()] == []  # nothing ran in the last six hours that are settled
    before = process.counted()
    process.look(100.0)
    assert process.watch._run is None
    process.look(3_600.0)
    assert process.watch._run is not None
    process.run()
    assert process.counted()["late", *next(iter(before))[1:]] == 18_000_000


def test_one_of_several_processes_allocates(sqlite: tuple[LedgerStore, str]) -> None:
    """If it dies another one goes on, and counts what comes from then on; the first one shows nothing any more."""
    store, url = sqlite
    first, second = Process(store, url), Process(store, url)
    first.look()
    second.look()
    assert (first.watch._run is None, second.watch._run is None) == (False, True)
    first.run()
    store.add([lone(1, 11 * HOUR_US, 10_000_000)])
    second.look(3_600.0)  # it sees the beat of the first one for the first time since long
    second.look(TAKEN_OVER_S)
    assert second.watch._run is not None
    second.run()
    assert sum(time for labels, time in second.counted().items() if len(labels) == 4) == 20_000_000
    first.seen.clear()
    first.look(BEAT_S)
    assert first.seen == [NOT_LEADING]
    second.watch.stop()
    first.look(2.0)
    assert first.watch._counts is not None
    first.watch.stop()


def test_what_goes_wrong_is_told_once(sqlite: tuple[LedgerStore, str]) -> None:
    """It is tried again after some minutes, and told when it is right again."""
    process = Process(*sqlite, says(problems=["the store: disk full"]))
    for _ in range(3):
        until(process.has_run)
        process.look(RETRY_S / 2)
        assert process.watch._run is None
        process.look(RETRY_S / 2)
        assert process.watch._run is not None
    assert process.told == ["gpus: time is not allocated by itself: the store: disk full"]
    process.watch._command = says()
    until(process.has_run)
    process.look(RETRY_S)
    until(process.has_run)
    assert process.told[1:] == ["gpus: time is allocated by itself again"]
    process.look(RETRY_S)
    assert process.watch._run is None


def test_one_that_does_not_start(sqlite: tuple[LedgerStore, str]) -> None:
    """Is told, and tried again."""
    process = Process(*sqlite, ("/nowhere",))
    process.look()
    process.look(RETRY_S)
    assert process.told == [
        "gpus: time is not allocated by itself: the process that allocates does not start: no such file or directory"
    ]


def test_servers_that_nobody_knows_are_told_once(sqlite: tuple[LedgerStore, str]) -> None:
    """With how many exchanges they answered."""
    process = Process(*sqlite, says(unknown={OTHER: 7, "": 2}))
    for _ in range(2):
        until(process.has_run)
        process.look(3_600.0)
    until(process.has_run)
    assert process.told == [
        f"gpus: 7 exchanges were answered by {OTHER}, whose GPUs are not known (`gpus.servers`): their GPU time is not "
        "known",
        "gpus: 2 exchanges were answered by servers that Envoy did not name: their GPU time is not known",
    ]


def test_a_day_that_is_too_large_is_told_once(sqlite: tuple[LedgerStore, str]) -> None:
    """It is not tried again before the next hour: it takes as long as one that is not."""
    process = Process(*sqlite, says(too_large=["2026-11-29"]))
    until(process.has_run)
    process.look(RETRY_S)
    assert process.watch._run is None
    process.look(3_600.0)
    until(process.has_run)
    assert process.told == [
        "gpus: 2026-11-29 has more than 2,000,000 exchanges, so it is not allocated by itself. Run"
        " `extproc allocate --from 2026-11-29 --to 2026-11-29`"
    ]


def test_a_store_that_fails_loses_no_count(sqlite: tuple[LedgerStore, str]) -> None:
    """What was allocated is looked for again, and nothing that was there before is counted."""
    store, url = sqlite
    store.add([lone(1, 2 * HOUR_US, 10_000_000)])
    assert settle(settings(url, NOON_US))["problems"] == []
    store.add([lone(2, 3 * HOUR_US, 1_000_000)])
    process = Process(store, url)
    fails = iter([False, True])  # of what this process reads: who leads, and what is stored

    class Failing(LedgerStore):
        @contextmanager
        def reading(self) -> Iterator[Connection]:
            if next(fails, False):
                raise StoreFailed("disk full", may_pass=True)
            with super().reading() as connection:
                yield connection

    failing = Failing(url, Path("/"))
    process.watch.use(failing, process.terms)
    with pytest.raises(StoreFailed):
        process.look()
    process.look(1.0)
    until(lambda: process.watch._run is not None and process.watch._run.result)
    fails = iter([True])
    with pytest.raises(StoreFailed):
        process.look()
    process.run()
    assert sum(time for labels, time in process.counted().items() if len(labels) == 4) == 2_000_000
    failing.close()


def test_a_change_of_the_configuration_is_a_reason_to_allocate(sqlite: tuple[LedgerStore, str]) -> None:
    """A server that nobody knew, for one; a store that was opened again is none."""
    store, url = sqlite
    process = Process(store, url, says())
    until(process.has_run)
    process.watch.use(store, process.terms)
    process.look()
    assert process.watch._run is None
    process.watch.use(store, process.terms._replace(settings=process.terms.settings._replace(models={ONE: "qwen"})))
    process.look()
    assert process.watch._run is not None
    until(process.has_run)


def test_the_end_ends_what_runs(sqlite: tuple[LedgerStore, str]) -> None:
    """And another process leads at once."""
    store, url = sqlite
    process = Process(store, url, IDLES)
    process.look()
    process.watch.stop()
    assert process.watch._run is None
    other = Process(store, url, says())
    other.look()
    assert other.watch._run is not None
    until(other.has_run)


def test_who_does_not_lead_any_more_counts_nothing(sqlite: tuple[LedgerStore, str]) -> None:
    """What it started goes on, and harms nobody."""
    store, url = sqlite
    process = Process(store, url)
    store.add([lone(1, 2 * HOUR_US, 10_000_000)])
    process.look()
    with store.writing() as connection:
        connection.execute(update(ALLOCATION_LEADER).values(holder="another", term=9))
    process.look(BEAT_S)
    until(process.has_run)
    assert (process.seen, process.watch._counts) == ([NOT_LEADING], None)
    assert settle(settings(url, NOON_US + DAY_US)) == {"problems": [], "too_large": [], "unknown": {}}
