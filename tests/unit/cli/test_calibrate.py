"""What ``extproc calibrate`` prints and keeps, of servers whose steps have a known cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from extproc.allocation.server_samples import ServerSample, ServerSamples
from extproc.allocation.step_costs import TYPICAL, StepCosts
from extproc.cli.calibrate import app
from extproc.ledger.allocation.calibrating import step_costs_of
from extproc.ledger.allocation.stored_samples import add_samples
from extproc.ledger.entry import LedgerEntry
from extproc.ledger.store import LedgerStore
from tests.unit.allocation.test_calibration import COSTS, affine, mixed, ran
from tests.unit.cli.samples import entries_of, fill
from tests.unit.reports.samples import at_us

DAYS = ("--from", "2026-02-05", "--to", "2026-02-06")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The samples, as the working directory."""
    monkeypatch.chdir(fill(tmp_path))
    return tmp_path


def store(folder: Path) -> LedgerStore:
    """That of the samples."""
    return LedgerStore("sqlite:///ledger.db", folder)


def add(folder: Path, *of_versions: list[LedgerEntry]) -> None:
    """To the ledger."""
    opened = store(folder)
    for some in of_versions:
        opened.add(some)
    opened.close()


def calibrated(*arguments: str, code: int = 0) -> Any:
    """Its output as data."""
    found = CliRunner().invoke(app, ["gpus.yaml", *DAYS, "--json", *arguments])
    assert found.exit_code == code, found.output
    return json.loads(found.stdout)["versions"]


def kept_costs(folder: Path, version: str) -> StepCosts:
    """By which is allocated."""
    opened = store(folder)
    with opened.reading() as connection:
        found = step_costs_of(connection, "tiny", version)
    opened.close()
    return found


def test_what_was_fitted_is_kept(folder: Path) -> None:
    """Only if that is asked for."""
    add(folder, entries_of(mixed(affine, 1, [1, 4, 16, 48]), "v7", "10.0.0.1:80"))
    (one,) = calibrated()
    assert (one["model"], one["version"], one["servers"], one["problems"], one["kept"]) == ("tiny", "v7", 1, [], False)
    assert [cost["microseconds"] for cost in one["costs"]] == pytest.approx(list(COSTS[:5]), rel=0.06)
    assert kept_costs(folder, "v7") == TYPICAL
    assert calibrated("--keep")[0]["kept"]
    assert list(kept_costs(folder, "v7")[:2]) == pytest.approx(list(COSTS[:2]), rel=0.06)
    assert kept_costs(folder, "v8") == TYPICAL


def test_what_cannot_be_used_is_not_kept(folder: Path) -> None:
    """It says why, of each version, and ends with 1."""
    same = entries_of(ran(affine, 2, 300, 1, (100, 101)), "v8", "10.0.0.2:80")
    few = entries_of(ran(affine, 3, 20, 1, (100, 101)), "v9", "10.0.0.3:80")
    add(folder, same, few)
    one, other = calibrated("--keep", code=1)
    assert "the condition number is" in one["problems"][0]
    assert "streams have 8 tokens or more, and it takes 100" in other["problems"][0]
    assert (one["kept"], other["kept"], other["costs"]) == (False, False, [])
    assert kept_costs(folder, "v8") == TYPICAL


def test_the_tables(folder: Path) -> None:
    """Of each version one."""
    add(folder, entries_of(mixed(affine, 1, [1, 4, 16, 48]), "v7", "10.0.0.1:80"))
    lines = CliRunner().invoke(app, ["gpus.yaml", *DAYS, "--keep"], env={"COLUMNS": "100"}).stdout.splitlines()
    assert lines[0] == "Step costs, fitted to 2026-02-05T00:00:00Z to 2026-02-07T00:00:00Z"
    assert lines[2] == "tiny/v7, 1 server"
    assert [line.split()[0] for line in lines[4:9]] == list(COSTS._fields[:5])
    assert lines[-1] == "kept: what is allocated from now on is divided by it"


def test_nothing_ran() -> None:
    """There is nothing to fit."""
    found = CliRunner().invoke(app, ["gpus.yaml", "--from", "2026-03-05", "--to", "2026-03-06"])
    assert found.stdout.splitlines()[-1] == "No server ran anything then."


def test_a_server_that_speculates(folder: Path) -> None:
    """Its tokens are no steps."""
    add(folder, entries_of(ran(affine, 3, 150, 1, (100, 101)), "v7", "10.0.0.1:80"))
    opened, at = store(folder), at_us("2026-02-05T06:00")
    with opened.writing() as connection:
        drafts = [ServerSample(at + number, drafts=number, draft_tokens=3 * number) for number in range(2)]
        add_samples(connection, "10.0.0.1:80", ServerSamples.of(drafts))
    opened.close()
    (one,) = calibrated(code=1)
    assert one["problems"] == [
        "its servers decode speculatively: a step writes several tokens, so tokens are no steps to fit"
    ]
