"""The process that ships: one at a time, until its parent is gone, through outages of the store."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from extproc.config.budgets import Budget
from extproc.config.ledger import Ledger
from extproc.ledger import budget_watch, shipping
from extproc.ledger.backlog import waiting_bytes
from extproc.ledger.budget_file import BUDGET_FILE, BudgetFile, parse_budget_file
from extproc.ledger.entry_sink import SinkFailed
from extproc.ledger.in_flight import with_in_flight
from extproc.ledger.shipper_process import COMMAND
from extproc.ledger.shipping import Shipping, Watched
from extproc.ledger.sink import LedgerSink
from extproc.ledger.sink_loop import SinkLoop
from extproc.ledger.sinks import DATABASE_PACE, FURTHER
from extproc.ledger.spool import process_folders
from extproc.ledger.store import LedgerStore
from tests.hangs import HANG_S
from tests.unit.databases import Server
from tests.unit.ledger.crashes import MemoryStore, kill, sink_of
from tests.unit.ledger.receiver import Receiver, receiving
from tests.unit.ledger.records import record_of
from tests.unit.ledger.sink_cases import Events, Parquet

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

    def __init__(self, folder: Path, **terms: Any) -> None:
        self.process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        settings = {"ledger": terms, "folder": str(folder), "spool": str(folder / "spool")}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(settings).encode() + b"\n")
        self.process.stdin.flush()

    def until(self, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next report of which something is so."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            report: dict[str, Any] = json.loads(line)
            if is_so(report):
                return report
        raise AssertionError("it has ended before")

    def leave(self) -> int:
        """Its parent ends. Returns: its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(HANG_S)

    def kill(self) -> None:
        """Without a chance to finish."""
        self.process.kill()
        self.process.wait()


def stored_in(report: dict[str, Any], sink: str = "database") -> int:
    """How many entries a report counts."""
    count: int = report.get("sinks", {}).get(sink, {}).get("stored", 0)
    return count


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
    first.until(lambda report: stored_in(report) == 1)
    second = Child(tmp_path)
    children.callback(second.kill)
    second.until(lambda report: report["failing"] == "another process ships this spool")
    first.kill()
    second.until(lambda report: report["failing"] == "")
    ended(sink, "b")
    second.until(lambda report: stored_in(report) == 1)
    sink.close()
    assert second.leave() == 0
    store = LedgerStore("sqlite:///ledger.db", tmp_path)
    assert store.count() == 2
    store.close()
    assert process_folders(spool) == []


def test_a_sink_that_fails_hinders_no_other(tmp_path: Path, spool: Path, children: ExitStack) -> None:
    """It is told which one, and counted; when it works, it has everything: also if the shipper is killed meanwhile."""
    target = Parquet(tmp_path)
    target.folder.write_text("")
    sink = sink_of(spool)
    ended(sink, "a", "b")
    for signal_to_end in (Child.kill, Child.leave):
        child = Child(tmp_path, parquet={"folder": "entries"})
        children.callback(child.kill)
        failing = child.until(lambda report: report.get("failing", "").startswith("parquet: "))["failing"]
        assert failing.endswith("not a directory")
        signal_to_end(child)
    child = Child(tmp_path, parquet={"folder": "entries", "every_s": 1})
    children.callback(child.kill)
    report = child.until(lambda report: report.get("sinks", {}).get("parquet", {}).get("failures", 0) > 0)
    assert report["sinks"]["database"]["waiting_bytes"] == 0 < report["sinks"]["parquet"]["waiting_bytes"]
    assert report["sinks"]["database"]["oldest_s"] == 0 < report["sinks"]["parquet"]["oldest_s"]
    target.folder.unlink()
    report = child.until(lambda report: stored_in(report, "parquet") == 2)
    assert (report["failing"], target.held()) == ("", ["a", "b"])
    ended(sink, "c")
    sink.close()
    child.leave()
    assert target.held() == ["a", "b", "c"]
    assert process_folders(spool) == []
    store = LedgerStore("sqlite:///ledger.db", tmp_path)
    assert store.count() == 3
    store.close()


def test_a_receiver_that_hangs_hinders_no_other_sink(tmp_path: Path, spool: Path, children: ExitStack) -> None:
    """Nor the end of the process; the next one sends what was not taken."""
    sink = sink_of(spool)
    with receiving(Receiver()) as receiver:
        target = Events(tmp_path, receiver)
        receiver.silent.set()
        terms = {"url": receiver.url, "token_file": "token", "one_per": "exchange"}
        child = Child(tmp_path, cloud_events=terms, parquet={"folder": "entries", "every_s": 1})
        children.callback(child.kill)
        ended(sink, "a")
        child.until(lambda report: stored_in(report) == 1)
        child.until(lambda report: stored_in(report, "parquet") == 1)
        sink.close()
        child.leave()
        assert target.held() == []
        assert len(process_folders(spool)) == 1
        receiver.silent.clear()
        child = Child(tmp_path, cloud_events=terms)
        children.callback(child.kill)
        child.until(lambda report: stored_in(report, "cloud_events") == 1)
        assert child.leave() == 0
        assert target.held() == ["a"]
    assert process_folders(spool) == []
    assert Parquet(tmp_path).held() == ["a"]


def test_what_a_receiver_refuses_is_told_and_counted(tmp_path: Path, spool: Path, children: ExitStack) -> None:
    """Where it is kept, and how much."""
    sink = sink_of(spool)
    with receiving(Receiver()) as receiver:
        target = Events(tmp_path, receiver)
        receiver.refuses = lambda event: event["id"] == "b"
        child = Child(tmp_path, cloud_events={"url": receiver.url, "token_file": "token", "one_per": "exchange"})
        children.callback(child.kill)
        ended(sink, "a", "b", "c")
        report = child.until(lambda report: report.get("sinks", {}).get("cloud_events", {}).get("refused", 0) > 0)
        assert report["sinks"]["cloud_events"]["refused"] == 1
        assert report["problems"] == [
            "cloud_events: 1 events were refused; cloud_events.refused.jsonl of the spool has them"
        ]
        sink.close()
        child.leave()
    assert target.held() == ["a", "c"]
    assert process_folders(spool) == []


def test_a_shipper_that_is_told_to_end_writes_what_waits_for_more(
    tmp_path: Path, spool: Path, children: ExitStack
) -> None:
    """A file of a quarter of an hour is as long as the process runs."""
    target = Parquet(tmp_path)
    sink = sink_of(spool)
    child = Child(tmp_path, parquet={"folder": "entries"})
    children.callback(child.kill)
    ended(sink, "a")
    child.until(lambda report: stored_in(report) == 1)
    assert target.held() == []
    child.leave()
    assert target.held() == ["a"]
    sink.close()


def test_a_sink_behind_a_part_of_the_spool_waits_for_no_more(tmp_path: Path, spool: Path) -> None:
    """Otherwise a small bound would be reached before a file is due."""
    sink = sink_of(spool)
    ended(sink, "a", "b", "c")
    taken = waiting_bytes(spool, lambda _: None)
    target = Parquet(tmp_path)
    for bound, held in ((4 * taken + 4, []), (4 * taken, ["a", "b", "c"])):
        loop = SinkLoop("parquet", FURTHER["parquet"].pace, lambda: target.opened(spool), spool, lambda _: False, bound)
        assert loop.turn() == 3
        assert target.held() == held
    sink.close()


def test_an_internal_error_of_a_sink_is_told_and_tried_again(spool: Path) -> None:
    """Only its type: a message may quote an entry."""
    sink = sink_of(spool)
    ended(sink, "a")
    store = MemoryStore()
    store.failing = TypeError("search")
    opened = Counter[str]()

    def open_it() -> MemoryStore:
        opened["times"] += 1
        return store

    loop = SinkLoop("it", DATABASE_PACE, open_it, spool, lambda _: False, 1_000_000)
    assert loop.turn() == 0
    assert loop.problem == "it: internal error (TypeError)"
    store.failing = SinkFailed("it asks for time", pause_s=7.0)
    assert loop.turn() == 0
    assert (loop.problem, loop.pause_s()) == ("it: it asks for time", 7.0)
    store.failing = None
    assert loop.turn() == 1
    assert (loop.problem, loop.pause_s(), opened["times"]) == ("", 0.25, 3)
    done, failures = loop.take()
    assert (done.stored, failures) == (1, 2)
    sink.close()


def test_a_database_that_is_gone_for_a_while_loses_nothing(
    tmp_path: Path, spool: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told once that it is gone, and once that it is back."""
    reports: list[dict[str, Any]] = []
    url = postgres.new_database()
    worker = Shipping(Ledger(url=url), tmp_path, spool)
    monkeypatch.setattr(worker, "_write", reports.append)
    sink = sink_of(spool)
    ended(sink, "a")
    assert worker.loops["database"].turn() == 1
    worker._report()
    postgres.stop()
    try:
        ended(sink, "b", "c")
        for _ in range(3):
            assert worker.loops["database"].turn() == 0
            worker._report()
    finally:
        postgres.start()
    assert worker.loops["database"].turn() == 2
    worker._report()
    failing = [report["failing"] for report in reports]
    assert failing[1].startswith("store: ")
    assert failing == ["", *[failing[1]] * 3, ""]
    assert [report["sinks"]["database"].get("failures", 0) for report in reports] == [0, 1, 1, 1, 0]
    assert sum(stored_in(report) for report in reports) == 3
    store = LedgerStore(url, tmp_path)
    assert store.count() == 3
    store.close()
    sink.close()


DAILY = Budget(
    name="daily", per="team", of="tokens", amount=300, period="day", on_exhausted="block", when_unknown="allow"
)


def sums_in(spool: Path) -> BudgetFile:
    """What the workers read."""
    return parse_budget_file((spool / BUDGET_FILE).read_bytes())


def test_workers_get_the_sums_of_budgets(tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the place of each spool; a worker that has just begun does not wait for long."""
    monkeypatch.setattr(budget_watch, "LOOK_S_MIN", 3_600.0)
    loop = Shipping(Ledger(), tmp_path, spool, Watched((DAILY,))).loops["database"]
    sink = sink_of(spool)
    ended(sink, "a", "b")
    sink.exchange_sent(record_of("c"))
    assert loop.turn() == 2
    assert sums_in(spool).spools == {}  # something may have been written before the first look
    loop.turn()
    first = sums_in(spool)
    assert first.spools == {sink.folder.name: 2}
    assert [(one.name, one.of) for one in first.sums] == [("daily", "tokens")]
    ended(sink, "d")
    loop.turn()
    assert sums_in(spool) == first  # it looks as often as it may
    other = sink_of(spool)
    loop.turn()
    loop.turn()
    assert sums_in(spool).spools == {sink.folder.name: 3, other.folder.name: 0}
    for one in (sink, other):
        one.close()


def test_a_worker_is_told_when_what_others_left_is_in_the_sums(
    tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is recovered while sums are read is neither in flight any more, nor stored yet."""
    worker = Shipping(Ledger(), tmp_path, spool, Watched((DAILY,)))
    loop, gone = worker.loops["database"], sink_of(spool)
    gone.exchange_sent(record_of("a"))
    loop.turn()
    kill(gone)
    new = sink_of(spool)
    loop.turn()
    recovers = [True]

    def estimated(*arguments: Any) -> Any:
        if recovers.pop():
            worker._folders.look()
        return with_in_flight(*arguments)

    monkeypatch.setattr(shipping, "with_in_flight", estimated)
    loop.turn()
    assert new.folder.name not in sums_in(spool).spools
    recovers.append(False)
    assert loop.turn() == 1
    assert new.folder.name in sums_in(spool).spools
    new.close()


def test_other_budgets_are_watched_at_once(tmp_path: Path, spool: Path) -> None:
    """As a reload tells; without any that act, nothing is written."""
    worker = Shipping(Ledger(), tmp_path, spool)
    loop, sink = worker.loops["database"], sink_of(spool)
    loop.turn()
    assert not (spool / BUDGET_FILE).exists()
    for name in ("one", "two"):
        settings = {"budgets": [Budget(**{**DAILY.model_dump(), "name": name}).model_dump_json()]}
        worker.watch(Watched.of_settings(settings))
        loop.turn()
        assert [one.name for one in sums_in(spool).sums] == [name]
    hook = tmp_path / "hook.url"
    for file in (hook, None):
        worker.watch(Watched((DAILY,), file))
        loop.turn()
        assert (worker._webhook is None) is (file is None)
    sink.close()


def test_sums_that_cannot_be_written_are_told(tmp_path: Path, spool: Path) -> None:
    """They become too old then, which the workers tell too."""
    loop, sink = Shipping(Ledger(), tmp_path, spool, Watched((DAILY,))).loops["database"], sink_of(spool)
    (spool / f"{BUDGET_FILE}.new").mkdir()
    loop.turn()
    assert loop.problem == "spool: is a directory"
    (spool / f"{BUDGET_FILE}.new").rmdir()
    ended(sink, "a")
    loop.turn()
    assert loop.problem == ""
    sink.close()


def test_a_store_that_is_tried_again_is_tried_ever_less_often(tmp_path: Path, spool: Path) -> None:
    """Up to some seconds."""
    loop = Shipping(Ledger(url="sqlite:///missing/ledger.db"), tmp_path, spool).loops["database"]
    spool.mkdir()
    pauses = []
    for _ in range(7):
        loop.turn()
        pauses.append(loop.pause_s())
    assert pauses == [0.25, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0]


def test_after_its_parent_it_ships_for_a_bounded_time(
    tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left waits for the next one."""
    monkeypatch.setattr(shipping, "LAST_S_MAX", -1.0)
    sink = sink_of(spool)
    ended(sink, *(f"{number}" for number in range(20)))
    sink.close()
    worker = Shipping(Ledger(), tmp_path, spool)
    worker.parent_ended()
    worker.run()
    store = LedgerStore("sqlite:///ledger.db", tmp_path)
    assert store.count() == 0
    store.close()
    assert len(process_folders(spool)) == 1
