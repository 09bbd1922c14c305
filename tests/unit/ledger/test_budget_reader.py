"""Sums that a worker reads: at once, only if they are other ones; and what it tells of those that are missing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from extproc.domain.budgets import BudgetSums
from extproc.exchange.budget_memory import BudgetMemory
from extproc.ledger.budget_file import BUDGET_FILE, BudgetFile, write_budget_file
from extproc.ledger.budget_reader import AHEAD_S_MAX, LOOK_S, BudgetReader
from tests.unit.exchange.budgets import DAILY, GPU, compiled, keyed
from tests.unit.ledger.samples import NOON_US

S_NS = 1_000_000_000
OLD_S = 3_601


class Told:
    """Lines of the log."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def warning(self, event: str, **fields: Any) -> None:
        """A line."""
        self.lines.append((event, fields))

    info = warning


class Worker:
    """A reader with clocks that are put forward by hand."""

    def __init__(self, folder: Path, *budgets: dict[str, Any]) -> None:
        self.folder = folder
        self.budgets = compiled(*(budgets or ({**DAILY, "amount": 20},)))
        self.memory, self.told = BudgetMemory(), Told()
        self.memory.configure(self.budgets)
        self.now_ns, self.wall_ns = 5 * S_NS, NOON_US * 1_000
        clocks = (lambda: self.now_ns), (lambda: self.wall_ns)
        self.reader = BudgetReader(folder, "p-mine", self.memory, self.told, clocks)

    def passes(self, seconds: float) -> None:
        """Time, and the worker looks."""
        self.now_ns += int(seconds * S_NS)
        self.wall_ns += int(seconds * S_NS)
        self.reader.look()

    def write(
        self,
        spent: int,
        at_us: int | None = None,
        sequence: int = 0,
        spool: str = "p-mine",
        late_us: int | None = 0,
    ) -> None:
        """The shipper writes sums."""
        at = self.wall_ns // 1_000 if at_us is None else at_us
        sums = [
            BudgetSums(one.name, one.per, one.of, one.section.period_at(at), {"search": (spent, 0)}, {}, late_us)
            for one in self.budgets.budgets
        ]
        write_budget_file(self.folder, BudgetFile(at, {spool: sequence, "p-other": 99}, tuple(sums)))

    def standing(self) -> str:
        """Of the team."""
        (claim,) = self.memory.look(keyed(self.budgets), self.wall_ns // 1_000, self.now_ns)
        return claim.standing.value


def test_new_sums_are_taken_at_once(tmp_path: Path) -> None:
    """Without reading the same ones again."""
    worker = Worker(tmp_path)
    worker.passes(0)
    assert worker.standing() == "unknown"
    worker.write(19)
    worker.passes(LOOK_S)
    assert worker.standing() == "has_room"
    worker.write(20)
    worker.passes(LOOK_S / 2)
    assert worker.standing() == "has_room"  # it does not look all the time
    worker.passes(LOOK_S / 2)
    assert worker.standing() == "exhausted"
    (tmp_path / BUDGET_FILE).write_bytes(b"")  # in place: no shipper does that
    worker.passes(LOOK_S)
    assert worker.standing() == "exhausted"


def test_what_this_worker_has_in_the_sums_is_not_counted_again(tmp_path: Path) -> None:
    """By the sequence number of its own spool."""
    worker = Worker(tmp_path)
    worker.write(0)
    worker.passes(1)
    for sequence in (1, 2):
        claims = worker.memory.look(keyed(worker.budgets), worker.wall_ns // 1_000, worker.now_ns)
        assert worker.memory.reserve(claims, worker.now_ns) is None
        worker.memory.spooled(sequence, worker.memory.settle(claims, [9]))
    assert worker.standing() == "has_room"
    worker.write(11, sequence=1)
    worker.passes(1)
    assert worker.standing() == "exhausted"
    worker.write(18, sequence=2)
    worker.passes(1)
    assert (worker.standing(), len(worker.memory)) == ("has_room", 0)


def test_sums_are_as_old_as_they_say(tmp_path: Path) -> None:
    """A file of yesterday, which a process has left, is no sums; from a restart on nothing else is needed."""
    worker = Worker(tmp_path)
    worker.write(20, worker.wall_ns // 1_000 - OLD_S * 1_000_000)
    worker.passes(0)
    assert worker.standing() == "unknown"
    worker.write(20, worker.wall_ns // 1_000 - (OLD_S - 10) * 1_000_000)
    worker.passes(1)
    assert worker.standing() == "exhausted"
    worker.passes(10)
    assert worker.standing() == "unknown"


def test_sums_of_before_the_start_may_lack_something(tmp_path: Path) -> None:
    """What other workers had not stored yet: they tell what is exhausted, and not what is left."""
    worker = Worker(tmp_path)
    worker.write(19, spool="p-before")
    worker.passes(1)
    assert worker.standing() == "unknown"
    worker.passes(1)
    assert worker.told.lines[0][1]["reason"] == "the shipper has not written them yet"
    worker.write(20, spool="p-before")
    worker.passes(1)
    assert worker.standing() == "exhausted"
    worker.write(19)
    worker.passes(1)
    assert worker.standing() == "has_room"
    assert [event for event, _ in worker.told.lines] == ["budget sums unknown", "budget sums known again"]


def test_a_clock_that_is_put_back_or_ahead_makes_no_sums(tmp_path: Path) -> None:
    """The next file, a second later, is of the same clock; an hour that passes for nobody ages nothing."""
    worker = Worker(tmp_path)
    worker.write(20, worker.wall_ns // 1_000 + int(AHEAD_S_MAX + 1) * 1_000_000)
    worker.passes(0)
    assert worker.standing() == "unknown"
    worker.passes(1)
    assert worker.told.lines[0][1]["reason"] == "budgets.json: its time is ahead of the clock"
    worker.write(20)
    worker.passes(1)
    worker.wall_ns += 10 * OLD_S * S_NS // 100
    assert worker.standing() == "exhausted"


def test_what_is_unknown_is_told_once(tmp_path: Path) -> None:
    """When an exchange has missed it, with the reason; and once when it is known again."""
    worker = Worker(tmp_path)
    worker.passes(1)
    assert worker.told.lines == []
    for _ in range(3):
        worker.standing()
        worker.passes(1)
    none_yet = {"reason": "the shipper has not written them yet", "age_s": None}
    assert worker.told.lines == [("budget sums unknown", {"budget": "daily", "exchanges": "refused", **none_yet})]
    worker.write(0)
    worker.passes(1)
    assert worker.told.lines[1:] == [("budget sums known again", {"budget": "daily"})]
    worker.passes(OLD_S)
    worker.standing()
    worker.passes(1)
    event, fields = worker.told.lines[-1]
    assert (event, fields["age_s"]) == ("budget sums unknown", OLD_S + 2)
    assert fields["reason"] == "the store, or the shipper, does not answer"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{", "budgets.json: it is damaged"),
        (b'{"format": 9}', "budgets.json: another release wrote it"),
        (
            b'{"format": 1, "at_us": 0, "spools": {"p-mine": 0}, "budgets": []}',
            "they are not in the shipper's file",
        ),
    ],
)
def test_why_it_is_unknown(tmp_path: Path, text: bytes, reason: str) -> None:
    """A file that cannot be used keeps the sums of before, until they are too old."""
    worker = Worker(tmp_path, {**DAILY, "when_unknown": "allow"})
    (tmp_path / BUDGET_FILE).write_bytes(text)
    worker.passes(1)
    worker.standing()
    worker.passes(1)
    (line,) = worker.told.lines
    assert (line[1]["reason"], line[1]["exchanges"]) == (reason, "allowed")


def test_sums_that_lack_gpu_time_are_old(tmp_path: Path) -> None:
    """However often they are read: from the time on at which it was due."""
    budget = {**GPU, "amount": 20, "unknown_after_s": 60}
    worker = Worker(tmp_path, budget)
    worker.write(0, late_us=None)
    worker.passes(1)
    worker.standing()
    worker.passes(1)
    worker.write(0)
    worker.passes(1)
    assert worker.standing() == "has_room"
    for late_s, standing in ((59, "has_room"), (3_600, "unknown")):
        worker.write(0, late_us=late_s * 1_000_000)
        worker.passes(LOOK_S)
        assert worker.standing() == standing
    worker.passes(1)
    worker.write(20)
    worker.passes(1)
    assert worker.standing() == "exhausted"
    unknown = {"budget": "gpus", "exchanges": "refused"}
    assert worker.told.lines == [
        ("budget sums unknown", unknown | {"reason": "no GPU time is allocated yet", "age_s": None}),
        ("budget sums known again", {"budget": "gpus"}),
        ("budget sums unknown", unknown | {"reason": "GPU time is allocated too late, or no more", "age_s": 3_601}),
        ("budget sums known again", {"budget": "gpus"}),
    ]


def test_a_file_that_cannot_be_opened_is_tried_again(tmp_path: Path) -> None:
    """Here a folder is in its place."""
    worker = Worker(tmp_path)
    (tmp_path / BUDGET_FILE).mkdir()
    worker.passes(1)
    worker.standing()
    worker.passes(1)
    assert worker.told.lines[0][1]["reason"] == "budgets.json: is a directory"
    (tmp_path / BUDGET_FILE).rmdir()
    worker.write(0)
    worker.passes(1)
    assert worker.standing() == "has_room"


def test_without_budgets_that_act_nothing_is_read(tmp_path: Path) -> None:
    """Nor told; a budget that is taken out of the configuration is told no more."""
    worker = Worker(tmp_path)
    worker.standing()
    worker.passes(1)
    worker.memory.configure(None)
    worker.write(0)
    os.utime(tmp_path / BUDGET_FILE)
    worker.passes(1)
    assert len(worker.told.lines) == 1
