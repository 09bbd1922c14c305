"""The ledger in a process that serves: what has an entry, what is refused, and a disk that is full."""

from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from extproc.config.ledger import Ledger
from extproc.domain.budgets import BudgetSums
from extproc.domain.record import Outcome
from extproc.domain.rollouts import Arm, RolloutArm
from extproc.domain.usage import Usage
from extproc.exchange.budget_memory import BudgetMemory
from extproc.ledger import LedgerUnavailable
from extproc.ledger.entry import EntryOutcome, LedgerEntry
from extproc.ledger.open_exchanges import left_behind
from extproc.ledger.sink import LEDGER_FULL, LedgerSink
from extproc.ledger.spool import OPEN
from tests.unit.exchange.budgets import DAILY, compiled, keyed
from tests.unit.ledger.crashes import MemoryStore, ShipperInTurn, Told, kill, sink_of
from tests.unit.ledger.records import record_of


def shipped(root: Path) -> list[LedgerEntry]:
    """What a shipper finds."""
    store = MemoryStore()
    ShipperInTurn(root, store).ship()
    return sorted(store.entries.values(), key=lambda entry: entry.exchange)


UNREACHED = {"outcome": Outcome.LOCAL_REPLY, "local_reply": "no_healthy_upstream"}
CANARY = RolloutArm("r1", 1, Arm.CANARY, 7)
REFUSED = {"outcome": Outcome.REJECTED, "sent_ns": 0, "status": 403, "reason": "team_not_allowed", "usage": None}


@pytest.mark.parametrize(
    ("changed", "expected", "with_refused"),
    [
        ({}, EntryOutcome.COMPLETED, EntryOutcome.COMPLETED),
        (REFUSED, None, EntryOutcome.REFUSED),
        ({"outcome": Outcome.PASSED, "sent_ns": 0}, None, None),
        ({**REFUSED, "counted_in_front": True}, None, None),
        ({"outcome": Outcome.ANSWERED, "sent_ns": 0}, None, None),
        ({"outcome": Outcome.LOCAL_REPLY, "local_reply": "no_healthy_upstream"}, None, EntryOutcome.UNREACHABLE),
        (
            {"outcome": Outcome.LOCAL_REPLY, "local_reply": "no_healthy_upstream", "arm": CANARY},
            "unreachable",
            "unreachable",
        ),
        ({"outcome": Outcome.LOCAL_REPLY, "local_reply": "upstream_response_timeout"}, "timed_out", "timed_out"),
    ],
)
@pytest.mark.parametrize("refused", [False, True])
def test_what_has_an_entry(
    tmp_path: Path, changed: dict[str, Any], expected: str | None, with_refused: str | None, refused: bool
) -> None:
    """What reached a model; what was refused only where that is asked for, with zero tokens.

    Of a rollout also what reached none: a canary whose servers are dead has nothing else.
    """
    sink = sink_of(tmp_path, refused=refused)
    record = record_of(**changed)
    if record.sent_ns:
        sink.exchange_sent(record)
    sink.exchange_ended(record)
    sink.turn()
    wanted = with_refused if refused else expected
    found = shipped(tmp_path)
    assert [entry.outcome for entry in found] == ([] if wanted is None else [wanted])
    assert all(entry.prompt_tokens == entry.completion_tokens == 0 for entry in found if entry.status == 403)
    assert left_behind(sink.folder / OPEN).slots == []
    sink.close()


def test_more_exchanges_than_slots_are_counted(tmp_path: Path) -> None:
    """They have entries all the same, unless the process is killed before they end."""
    told = Told()
    sink = sink_of(tmp_path, told, open_max=16)
    records = [record_of(f"{number:02}") for number in range(20)]
    for record in records:
        sink.exchange_sent(record)
    for record in records:
        sink.exchange_ended(record)
    sink.close()
    assert (told.without_slot, told.entries, len(shipped(tmp_path))) == (4, 20, 20)


def test_a_large_message_may_end_in_a_thread(tmp_path: Path) -> None:
    """Several at once, while the thread of the ledger takes them."""
    told = Told()
    sink = LedgerSink(Ledger(open_max=64), tmp_path, told, told)

    def some(thread: int) -> None:
        for number in range(200):
            record = record_of(f"{thread}-{number}")
            sink.exchange_sent(record)
            sink.exchange_ended(record)

    threads = [threading.Thread(target=some, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sink.close()
    assert (told.entries, len(shipped(tmp_path)), told.lines) == (800, 800, [])


def test_what_was_spent_of_budgets_is_known_until_the_sums_have_it(tmp_path: Path) -> None:
    """By the number of its record; what was dropped counts on."""
    told, memory, budgets = Told(), BudgetMemory(), compiled(DAILY)
    memory.configure(budgets)
    sink = LedgerSink(Ledger(on_full="drop"), tmp_path, told, told, budgets=memory, threaded=False)
    at_us = time.time_ns() // 1_000
    period = budgets.budgets[0].section.period_at(at_us)
    sums = [BudgetSums("daily", "team", "tokens", period, {}, {})]
    memory.take(sums, sink.folder.name, 0, at_us, 0)

    def spend(exchange: str) -> None:
        claims = memory.look(keyed(budgets), at_us, 0)
        assert memory.reserve(claims, 0) is None
        record = record_of(exchange)
        sink.exchange_sent(record)
        record.spent = memory.settle(claims, [9])
        sink.exchange_ended(record)

    def standing() -> str:
        return memory.look(keyed(budgets), at_us, 0)[0].standing.value

    spend("a")
    assert sink.turn()
    spend("b")
    memory.take(sums, sink.folder.name, 1, at_us, 0)
    assert [here.ended for here in memory._here.values()] == [9]
    sink._full = True
    sink._next_batch()
    sink._write()
    assert told.dropped_by["full"] == 1
    memory.take(sums, sink.folder.name, 99, at_us, 0)
    assert [here.ended for here in memory._here.values()] == [9]
    assert standing() == "has_room"
    sink.close()


# --- a spool that is full, and a disk that fails -------------------------------------------------------------------


class Clock:
    """The time of the sink's checks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1_000.0
        monkeypatch.setattr("extproc.ledger.sink.time.monotonic", lambda: self.now_s)


def test_a_full_spool_refuses_new_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in flight is still recorded; when the shipper has made room, all goes on."""
    clock, told = Clock(monkeypatch), Told()
    sink = sink_of(tmp_path, told, spool_mb_max=8)
    sink.exchange_sent(record_of("a"))
    big = sink.folder / "0000000000.seg"
    big.write_bytes(b"x" * 8_000_000)
    assert sink.refusal is None
    clock.now_s += 1
    sink.turn()
    assert sink.refusal is LEDGER_FULL
    assert sink.problem == "the spool has reached spool_mb_max"
    sink.exchange_ended(record_of("a"))
    sink.turn()
    big.write_bytes(b"x" * 7_700_000)
    clock.now_s += 1
    sink.turn()
    assert sink.refusal is LEDGER_FULL  # not for a single entry
    big.unlink()
    clock.now_s += 1
    sink.turn()
    assert sink.refusal is None
    sink.close()
    assert [entry.exchange for entry in shipped(tmp_path)] == ["a"]
    assert [(level, event) for level, event, _ in told.lines] == [
        ("error", "ledger spool full"),
        ("warning", "ledger spool has room again"),
    ]


def test_a_full_spool_drops_and_counts_where_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no request is refused."""
    clock, told = Clock(monkeypatch), Told()
    sink = sink_of(tmp_path, told, spool_mb_max=8, on_full="drop")
    (sink.folder / "0000000000.seg").write_bytes(b"x" * 8_000_000)
    clock.now_s += 1
    for name in "ab":
        sink.exchange_sent(record_of(name))
        sink.exchange_ended(record_of(name))
    sink.turn()
    assert sink.refusal is None
    assert (told.dropped_by["full"], told.entries) == (2, 0)
    assert left_behind(sink.folder / OPEN).slots == []
    sink.close()


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "no space left on device"),
        (errno.EROFS, "read-only file system"),
        (errno.EIO, "input/output error"),
    ],
)
def test_a_disk_that_fails_refuses_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    """Told once, with the system's words; entries wait in memory and in their slots."""
    told = Told()
    sink = sink_of(tmp_path, told)
    write = os.write

    def fail(*_: Any) -> int:
        raise OSError(number, os.strerror(number))

    sink.exchange_sent(record_of("a"))
    sink.exchange_ended(record_of("a"))
    monkeypatch.setattr(os, "write", fail)
    for _ in range(3):
        assert not sink.turn()
    assert sink.refusal is LEDGER_FULL
    assert len(left_behind(sink.folder / OPEN).slots) == 1
    monkeypatch.setattr(os, "write", write)
    assert sink.turn()
    assert sink.refusal is None
    assert told.lines == [
        ("error", "ledger spool failing", {"reason": reason, "on_full": "refuse"}),
        ("warning", "ledger spool recovered", {}),
    ]
    sink.close()
    assert [entry.exchange for entry in shipped(tmp_path)] == ["a"]


def test_a_disk_that_fails_drops_and_counts_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is kept for later."""
    told = Told()
    sink = sink_of(tmp_path, told, on_full="drop")

    def fail(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", fail)
    sink.exchange_sent(record_of("a"))
    sink.exchange_ended(record_of("a"))
    sink.turn()
    assert (told.dropped_by["failed"], sink.refusal) == (1, None)
    monkeypatch.undo()
    sink.close()
    assert shipped(tmp_path) == []


def test_what_cannot_be_written_at_the_end_stays_in_its_slots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next process finds it there."""
    sink = sink_of(tmp_path)
    sink.exchange_sent(record_of("a"))
    sink.exchange_ended(record_of("a"))

    def fail(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", fail)
        sink.close()
    assert [(entry.exchange, entry.outcome) for entry in shipped(tmp_path)] == [("a", EntryOutcome.COMPLETED)]


def test_a_spool_that_cannot_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    """By its key, and what to do."""
    (tmp_path / "file").write_text("")
    told = Told()
    with pytest.raises(LedgerUnavailable) as refused:
        LedgerSink(Ledger(), tmp_path / "file", told, told)
    assert str(refused.value) == (
        f"ledger.spool: {tmp_path}/file cannot be used (file exists). "
        "Let this user write there, or set ledger.spool to another folder."
    )


def test_a_clock_that_steps_back_changes_neither_order_nor_sums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Durations are those of a clock that never does; the start is what the wall clock said."""
    wall_ns = 1_795_000_000_000_000_000
    monkeypatch.setattr("extproc.ledger.sink.time.time_ns", lambda: wall_ns)
    sink = sink_of(tmp_path)
    sink.exchange_sent(record_of("a"))
    wall_ns -= 3_600_000_000_000
    sink.turn()
    sink.exchange_sent(record_of("b"))
    for name in "ab":
        sink.exchange_ended(record_of(name))
    sink.close()
    first, second = shipped(tmp_path)
    assert first.started_at_us - second.started_at_us == pytest.approx(3_600_000_000, abs=1_000_000)
    assert first.ended_at_us - first.started_at_us == second.ended_at_us - second.started_at_us == 900_000


# --- streams of a rollout ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "waits"),
    [
        ({}, True),
        ({"first_text_ns": 1}, False),
        ({"sent_ns": time.monotonic_ns() + 3_600_000_000_000}, False),
        ({"streamed": False}, False),
        ({"arm": None}, False),
    ],
)
def test_a_stream_that_waits_is_noted(tmp_path: Path, changed: dict[str, Any], waits: bool) -> None:
    """While it is open, of a rollout, as soon as its first text takes too long."""
    sink = sink_of(tmp_path)
    arm = RolloutArm("roll", 1, Arm.CANARY, 7)
    sink.exchange_sent(record_of("a", **{"streamed": True, "arm": arm, "first_text_ns": 0, "sent_ns": 1, **changed}))
    sink.turn()
    assert [slot.waits for slot in left_behind(sink.folder / OPEN).slots] == [waits]
    sink.exchange_ended(record_of("a", arm=arm, streamed=True))
    assert not sink._unanswered
    sink.turn()
    assert left_behind(sink.folder / OPEN).slots == []


# --- an end whose tokens are still being counted -------------------------------------------------------------------


@pytest.mark.parametrize("counted", [False, True])
def test_an_end_is_kept_while_its_tokens_are_counted(tmp_path: Path, counted: bool) -> None:
    """If the process is killed meanwhile, the entry has the end, with the tokens as they were estimated then."""
    sink = sink_of(tmp_path)
    record = record_of(outcome=Outcome.ABORTED, usage=Usage(1, 2, estimated=True))
    sink.exchange_sent(record)
    sink.exchange_ends(record)
    assert not sink._next_batch()
    record.usage = Usage(3, 4, estimated=True)
    if counted:
        sink.exchange_ended(record)
        sink.turn()
    kill(sink)
    (entry,) = shipped(tmp_path)
    assert entry.outcome is EntryOutcome.CLIENT_LEFT
    assert (entry.prompt_tokens, entry.completion_tokens) == ((3, 4) if counted else (1, 2))
    assert not sink._noted or not counted


def test_a_half_written_second_end_is_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is killed between the two: the exchange is then one that had not ended, and not lost."""
    sink = sink_of(tmp_path)
    record = record_of(outcome=Outcome.ABORTED)
    sink.exchange_sent(record)
    sink.exchange_ends(record)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sink._open, "end", killed)
    with pytest.raises(KeyboardInterrupt):
        sink.exchange_ended(record)
    kill(sink)
    (entry,) = shipped(tmp_path)
    assert entry.outcome is EntryOutcome.PROCESSOR_DIED


def test_an_end_without_a_slot_is_not_noted(tmp_path: Path) -> None:
    """A request that was refused has none."""
    sink = sink_of(tmp_path)
    sink.exchange_ends(record_of())
    assert not sink._noted
    sink.close()
    assert shipped(tmp_path) == []
