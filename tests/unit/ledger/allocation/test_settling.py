"""What is settled is allocated by a process of its own: yesterday and today, each day whole or not at all."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from extproc.allocation.slices import HOUR_US
from extproc.config.gpus import GpusSection
from extproc.ledger.allocation import settling
from extproc.ledger.allocation.allocating import allocate_day
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.allocation.settling import settle
from extproc.ledger.allocation.settling_run import COMMAND
from extproc.ledger.allocation.share_tables import GPU_DAYS, GPU_SHARES, GPU_SLICES
from extproc.ledger.allocation.terms import allocation_terms
from extproc.ledger.entry import LedgerEntry
from extproc.ledger.store import LedgerStore
from tests.hangs import HANG_S
from tests.unit.ledger.allocation.samples import DAY, MIDNIGHT_US, ONE, STRANGE, day_of_traffic, ran

ROOT = Path(__file__).parents[4]
DAY_NAME = str(datetime.fromtimestamp(MIDNIGHT_US // 1_000_000, UTC).date())
NOW_US = MIDNIGHT_US + DAY_US + 5 * HOUR_US + HOUR_US // 2
SECTION = GpusSection.model_validate_json(
    json.dumps(
        {
            "servers": [
                {"endpoint": "10.0.0.7:8000", "gpus": 2, "kind": "H100", "price": "h100"},
                {"endpoint": "10.0.0.8:8000", "gpus": 1, "kind": "L4", "price": "h100"},
            ],
            "prices": [{"name": "h100", "per_gpu_hour": "2.50"}],
        }
    )
)


def settings(url: str, now_us: int = NOW_US) -> dict[str, Any]:
    """As the process that ships tells them."""
    return {"url": url, "folder": "/", "section": SECTION.model_dump_json(), "now_us": now_us}


def lone(number: int, begin_us: int, lasts_us: int, **changed: Any) -> LedgerEntry:
    """An exchange that waits for nothing: the server is busy all its time."""
    return ran(number, begin_us, lasts_us, first_token_at_us=MIDNIGHT_US + begin_us + 5_000, **changed)


def busy_us(store: LedgerStore) -> int:
    """Of the last revisions; nothing is revised here."""
    (row,) = store.rows(select(func.coalesce(func.sum(GPU_SLICES.c.busy), 0).label("busy")))
    return int(row["busy"])


def test_yesterday_and_today(store: LedgerStore, url: str) -> None:
    """As far as hours are settled; the day before is left to the command."""
    store.add(
        [
            *(lone(1, -HOUR_US, 1_000_000), lone(2, HOUR_US, 2_000_000), lone(3, 25 * HOUR_US, 4_000_000)),
            *(lone(4, 28 * HOUR_US, 8_000_000), lone(5, HOUR_US, 16_000_000, server=STRANGE)),
        ]
    )
    assert settle(settings(url)) == {"problems": [], "too_large": [], "unknown": {STRANGE: 1}}
    assert busy_us(store) == 2 * (2_000_000 + 4_000_000)
    spans = [(row["begin_us"], row["end_us"]) for row in store.rows(select(GPU_DAYS).order_by(GPU_DAYS.c.begin_us))]
    assert spans == [DAY, (DAY[1], DAY[1] + 4 * HOUR_US)]


def test_the_next_hour_adds_what_is_settled_then(store: LedgerStore, url: str) -> None:
    """And what came late of yesterday."""
    store.add([lone(1, HOUR_US, 2_000_000), lone(4, 28 * HOUR_US, 8_000_000)])
    settle(settings(url))
    store.add([lone(6, 2 * HOUR_US, 1_000_000)])
    settle(settings(url, NOW_US + HOUR_US))
    assert busy_us(store) == 2 * (2_000_000 + 8_000_000 + 1_000_000)


def test_a_day_that_is_too_large_is_left_out(store: LedgerStore, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its entries would fill the memory; today is allocated all the same."""
    monkeypatch.setattr(settling, "EXCHANGES_MAX", 3)
    store.add([*day_of_traffic(4), lone(99, 25 * HOUR_US, 4_000_000)])
    assert settle(settings(url)) == {"problems": [], "too_large": [DAY_NAME], "unknown": {}}
    assert busy_us(store) == 2 * 4_000_000


def test_a_store_that_does_not_answer(tmp_path: Path) -> None:
    """Is a sentence."""
    (problem,) = settle(settings(f"sqlite:///{tmp_path}/none/ledger.db"))["problems"]
    assert problem.startswith("the store: ")


def test_by_itself_and_by_a_command_at_once(store: LedgerStore, url: str) -> None:
    """Neither fails, and nothing is there twice."""
    store.add(day_of_traffic(300))
    begin = threading.Barrier(2)
    told: list[dict[str, Any]] = []

    def by_itself() -> None:
        begin.wait()
        told.append(settle(settings(url)))

    def by_command() -> None:
        own = LedgerStore(url, Path("/"))
        begin.wait()
        with own.reading() as connection:
            terms = allocation_terms(connection, SECTION, "weighted_ps_v1")
        allocate_day(own, terms, DAY, NOW_US)
        own.close()

    threads = [threading.Thread(target=one) for one in (by_itself, by_command)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [{"problems": [], "too_large": [], "unknown": {}}]
    rows = store.rows(select(GPU_SLICES))
    assert {row["revision"] for row in rows} == {1}
    (shares,) = store.rows(select(func.sum(GPU_SHARES.c.gpu_us).label("time")))
    assert int(shares["time"]) == busy_us(store)


class Started:
    """The process, as a parent starts it."""

    def __init__(self, url: str, command: Sequence[str] = COMMAND) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        self.say(settings(url))

    def say(self, message: dict[str, Any]) -> None:
        """A line of its input."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def line(self) -> bytes:
        """Of its output."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def output(self) -> bytes:
        """The rest of it, when it has ended."""
        assert self.process.stdout is not None
        with self.process, self.process.stdout as stdout:
            return stdout.read()


def test_the_process(store: LedgerStore, url: str) -> None:
    """One line, and an end; its input is still open."""
    store.add([lone(1, 0, 1_000_000, server=ONE)])
    started = Started(url)
    assert json.loads(started.line()) == {"problems": [], "too_large": [], "unknown": {}}
    assert started.process.wait(HANG_S) == 0
    assert started.output() == b""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[str]:
    """The URL of a store in which somebody writes, so that others wait for some seconds."""
    url = f"sqlite:///{tmp_path}/held.db"
    holder = LedgerStore(url, Path("/"))
    with holder.writing():
        yield url
    holder.close()


def test_it_ends_with_its_parent(held: str) -> None:
    """Whatever it waits for."""
    started = Started(held)
    assert started.process.stdin is not None
    started.process.stdin.close()
    assert started.process.wait(HANG_S) == 1
    assert started.output() == b""


def test_it_ends_when_it_takes_too_long(held: str) -> None:
    """By the system, so that nothing can keep it."""
    program = "from extproc.ledger.allocation import settling; settling.LASTS_S_MAX = 1; settling.main()"
    started = Started(held, (sys.executable, "-c", program))
    assert started.process.wait(HANG_S) == -signal.SIGALRM
    assert started.output() == b""
