"""What ``extproc rollout simulate`` prints: hours by declared traffic, and nothing where it is not decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from extproc.cli.rollout import app
from extproc.rollout.simulation import plans
from extproc.rollout.simulation.walks import Walked
from tests.unit.cli.samples import fill

RUNS = 10


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The samples, as the working directory, and walks whose ends are known."""
    monkeypatch.chdir(fill(tmp_path))
    monkeypatch.setattr(plans, "foretold", ended)


def ended(_plan: Any, traffic: plans.DeclaredTraffic, harm: plans.SimulatedHarm, runs: int, _chance: Any) -> Walked:
    """Of an identical canary nine of ten go through, one hour a step; others come back after one exchange each."""
    assert (traffic.exchanges_a_day, runs) == (2_400, RUNS)
    is_well = np.arange(runs) < 9 if not harm.gate else np.zeros(runs, dtype=np.bool_)
    ends = np.where(is_well[:, None], np.array([100.0, 200.0, 300.0]), np.inf)
    exchanges = np.where(is_well, 300.0, 1.0 if harm.gate else 9_999.0)
    rolled_back = np.full(runs, bool(harm.gate))
    return Walked(is_well, rolled_back, exchanges / 2, exchanges, ends)


def printed(*options: str) -> str:
    """Its output."""
    arguments = ["simulate", "-c", "rolling.yaml", "tiny-chat", "--to", "v2", "--per-day", "2400", "--runs", str(RUNS)]
    ran = CliRunner().invoke(app, [*arguments, *options], env={"COLUMNS": "80"})
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def test_the_tables() -> None:
    """A line for each canary, one for each step; nine of ten are not 90 % of all that got there."""
    lines = printed().splitlines()
    assert lines[0] == "tiny-chat: v1 to v2, 10 simulated rollouts of each canary"
    assert lines[1] == "2,400 exchanges a day, 5,000 users, correlation 0.02"
    assert lines[3].split("  ")[0] == "identical to the stable version"
    assert lines[3].split()[-7:] == ["90", "%", "0", "%", "3.0", "h", "-"]
    assert lines[4].split()[-8:] == ["0", "%", "100", "%", "0.0", "h", "0.0", "h"]
    assert lines[9].split() == ["5", "%", "90", "%", "1.0", "h", "-"]
    assert printed("--users", "0").splitlines()[1] == "2,400 exchanges a day, no users"


def test_as_data() -> None:
    """All that the tables have, and exchanges of the canary."""
    found = json.loads(printed("--json"))
    identical, refusing, *_ = found["canaries"]
    assert (identical["promoted"], identical["rolled_back"]) == (0.9, 0.0)
    assert identical["inconclusive"] == pytest.approx(0.1)
    assert (identical["hours_median"], identical["hours_p90"]) == (3.0, None)
    assert identical["canary_exchanges_median"] == 150.0
    assert [(step["percent"], step["hours_median"]) for step in identical["steps"]] == [(5, 1.0), (25, 1.0), (50, 1.0)]
    assert (refusing["rolled_back"], refusing["steps"][0]["hours_median"]) == (1.0, None)


def test_the_plan_of_the_command_line() -> None:
    """Its steps, without the last one, at which nothing is compared."""
    found = json.loads(printed("--json", "--steps", "10,100"))
    assert [step["percent"] for step in found["canaries"][0]["steps"]] == [10]
