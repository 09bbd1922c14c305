"""The process that ships allocates and counts GPU time while GPUs are configured, and tells its parent."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from extproc.allocation.slices import HOUR_US
from extproc.ledger.allocation.settled import DAY_US, settled_us
from extproc.ledger.allocation.share_tables import GPU_SLICES
from extproc.ledger.allocation.time_counts import UnexplainedShare
from extproc.ledger.allocation.time_reports import GpuTimeReports
from extproc.ledger.allocation.time_settings import TimeSettings
from extproc.ledger.allocation.time_watch import GpuTimeSeen
from extproc.ledger.shipper_process import COMMAND
from extproc.ledger.store import LedgerStore
from tests.hangs import HANG_S
from tests.unit.ledger.allocation.samples import MIDNIGHT_US, ONE
from tests.unit.ledger.allocation.test_settling import SECTION, lone

ROOT = Path(__file__).parents[4]
SETTINGS = TimeSettings(SECTION.model_dump_json(), {ONE: "llama"}).as_json()


class Child:
    """A shipper as a process, and what it reports."""

    def __init__(self, folder: Path, **watched: Any) -> None:
        self.process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        assert self.process.stdin is not None
        settings = {"ledger": {}, "folder": str(folder), "spool": str(folder / "spool"), **watched}
        self.process.stdin.write(json.dumps(settings).encode() + b"\n")
        self.process.stdin.flush()

    def heard(self, *names: str) -> dict[str, Any]:
        """The first report of each of these."""
        found: dict[str, Any] = {}
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found = json.loads(line) | found
            if found.keys() >= set(names):
                return found
        raise AssertionError(f"it ended without one of {names}")

    def leave(self) -> int:
        """Its parent ends. Returns: its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(HANG_S)


@pytest.fixture
def traffic(tmp_path: Path) -> Iterator[LedgerStore]:
    """A store with an exchange in the last hour that is settled."""
    store = LedgerStore("sqlite:///ledger.db", tmp_path)
    begin_us = settled_us(time.time_ns() // 1_000) - HOUR_US // 2
    store.add([lone(1, begin_us - MIDNIGHT_US, 10_000_000)])
    yield store
    store.close()


def test_what_is_settled_is_allocated_while_it_ships(tmp_path: Path, traffic: LedgerStore) -> None:
    """By itself, within a start of a process; a series of its team is there at once."""
    child = Child(tmp_path, gpu_time=SETTINGS)
    heard = child.heard("gpu_used", "gpu_unexplained", "gpu_until_s")
    assert heard["gpu_unexplained"] == [{"model": "llama", "server": ONE, "share": 0.0}]
    assert heard["gpu_until_s"] * 1_000_000 % HOUR_US == 0
    (row,) = traffic.rows(select(func.sum(GPU_SLICES.c.busy).label("busy")))
    assert int(row["busy"]) == 20_000_000
    (used,) = heard["gpu_used"]
    assert (used["labels"][0], used["time_us"]) == ("search", 0)
    assert child.leave() == 0


def test_without_gpus_nothing_is_allocated(tmp_path: Path, traffic: LedgerStore) -> None:
    """Nor is anything said of it."""
    child = Child(tmp_path)
    child.heard("spool_bytes")
    assert child.leave() == 0
    assert child.process.stdout is not None
    assert "gpu_" not in child.process.stdout.read().decode()
    assert traffic.rows(select(GPU_SLICES)) == []


def test_a_configuration_without_gpus_ends_it(tmp_path: Path) -> None:
    """What was shown is shown no more."""
    told: list[dict[str, Any]] = []
    store = LedgerStore("sqlite:///ledger.db", tmp_path)
    reports = GpuTimeReports("sqlite:///ledger.db", tmp_path, told.append, lambda problem: told.append({"": problem}))
    reports.look()
    reports.use(store, SETTINGS)
    reports.look()
    assert told == []
    reports.use(store, None)
    reports.look()
    reports.look()
    assert told == [{"gpu_unexplained": []}, {"gpu_until_s": 0.0}]
    store.close()


def test_much_is_told_in_parts(tmp_path: Path) -> None:
    """A report is one line of bounded length."""
    told: list[dict[str, Any]] = []
    reports = GpuTimeReports("", tmp_path, told.append, lambda _: None)
    teams = [((f"team-{number}", "p", "m", "v"), number) for number in range(1_001)]
    share = UnexplainedShare("m", ONE, 0.5)
    reports._report(GpuTimeSeen(teams, [(("m", "idle"), 7)], [share], DAY_US))
    assert [len(one["gpu_used"]) for one in told if "gpu_used" in one] == [500, 500, 1]
    assert told[3:] == [
        {"gpu_unpaid": [{"labels": ("m", "idle"), "time_us": 7}]},
        {"gpu_unexplained": [share._asdict()]},
        {"gpu_until_s": 86_400.0},
    ]
