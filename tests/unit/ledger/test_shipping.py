"""The process that ships: one at a time, until its parent is gone, through outages of the store."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from extproc.ledger import shipping
from extproc.ledger.shipper_process import COMMAND
from extproc.ledger.shipping import Shipping
from extproc.ledger.sink import LedgerSink
from extproc.ledger.spool import process_folders
from extproc.ledger.store import LedgerStore
from tests.unit.databases import Server
from tests.unit.ledger.crashes import sink_of
from tests.unit.ledger.records import record_of

ROOT = Path(__file__).parents[3]


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """The folder of the spool."""
    return tmp_path / "spool"


def ended(sink: LedgerSink, *exchanges: str) -> None:
    """Exchanges in the spool."""
    for exchange in exchanges:
        record = record_of(exchange)
        sink.exchange_sent(record)
        sink.exchange_ended(record)
    assert sink.turn()


class Child:
    """A shipper as a process, and what it reports."""

    def __init__(self, folder: Path, url: str = "sqlite:///ledger.db") -> None:
        self.process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        settings = {"url": url, "folder": str(folder), "spool": str(folder / "spool")}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(settings).encode() + b"\n")
        self.process.stdin.flush()

    def until(self, **expected: Any) -> dict[str, Any]:
        """The next report that has these values."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            report: dict[str, Any] = json.loads(line)
            if expected.items() <= report.items():
                return report
        raise AssertionError(f"it has ended before {expected}")

    def leave(self) -> int:
        """Its parent ends. Returns: its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(20)

    def kill(self) -> None:
        """Without a chance to finish."""
        self.process.kill()
        self.process.wait()


@pytest.fixture
def children() -> Iterator[ExitStack]:
    """They end with the test."""
    with ExitStack() as undo:
        yield undo


def test_one_process_ships_a_spool_and_another_waits_for_it(tmp_path: Path, spool: Path, children: ExitStack) -> None:
    """Of two processors with one spool; if it is killed, the other one goes on."""
    sink = sink_of(spool)
    first = Child(tmp_path)
    children.callback(first.kill)
    ended(sink, "a")
    first.until(stored=1)
    second = Child(tmp_path)
    children.callback(second.kill)
    second.until(failing="another process ships this spool")
    first.kill()
    second.until(failing="")
    ended(sink, "b")
    second.until(stored=1)
    sink.close()
    assert second.leave() == 0
    store = LedgerStore("sqlite:///ledger.db", tmp_path)
    assert store.count() == 2
    store.close()
    assert process_folders(spool) == []


def test_a_database_that_is_gone_for_a_while_loses_nothing(
    tmp_path: Path, spool: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told once that it is gone, and once that it is back."""
    reports: list[dict[str, Any]] = []
    worker = Shipping(postgres.new_database(), tmp_path, spool)
    monkeypatch.setattr(worker, "_write", reports.append)
    sink = sink_of(spool)
    ended(sink, "a")
    assert worker._ship() == 1
    postgres.stop()
    try:
        ended(sink, "b", "c")
        for _ in range(3):
            assert worker._ship() == 0
    finally:
        postgres.start()
    assert worker._ship() == 2
    worker._report(True)
    told = [report["failing"] for report in reports]
    assert told[0].startswith("store: ")
    assert (told.count(told[0]), told[-1]) == (1, "")
    assert worker._store is not None
    assert worker._store.count() == 3
    worker._store.close()
    sink.close()


def test_a_store_that_is_tried_again_is_tried_ever_less_often(tmp_path: Path, spool: Path) -> None:
    """Up to some seconds."""
    worker = Shipping("sqlite:///missing/ledger.db", tmp_path, spool)
    spool.mkdir()
    pauses = []
    for _ in range(7):
        worker._ship()
        pauses.append(worker._pause_s())
    assert pauses == [0.25, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0]


def test_after_its_parent_it_ships_for_a_bounded_time(
    tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left waits for the next one."""
    monkeypatch.setattr(shipping, "LAST_S_MAX", -1.0)
    sink = sink_of(spool)
    ended(sink, *(f"{number}" for number in range(20)))
    sink.close()
    worker = Shipping("sqlite:///ledger.db", tmp_path, spool)
    worker.parent_ended()
    worker.run()
    store = LedgerStore("sqlite:///ledger.db", tmp_path)
    assert store.count() == 0
    store.close()
    assert len(process_folders(spool)) == 1
