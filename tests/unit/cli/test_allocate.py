"""What ``extproc allocate`` prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from extproc.allocation.server_samples import ServerSample, ServerSamples
from extproc.allocation.slices import HOUR_US
from extproc.cli.allocate import app
from extproc.ledger.allocation.stored_samples import add_samples
from extproc.ledger.store import LedgerStore
from tests.unit.cli.samples import fill
from tests.unit.ledger.samples import entry

TEN_US = 1_767_607_200_000_000
"""Of 2026-01-05."""
SERVER = "127.0.0.1:8001"
DAYS = ("--from", "2026-01-05", "--to", "2026-01-06")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The samples, as the working directory."""
    monkeypatch.chdir(fill(tmp_path))
    return tmp_path


def ran(*arguments: str, code: int = 0) -> Any:
    """The command."""
    found = CliRunner().invoke(app, ["gpus.yaml", *DAYS, *arguments], env={"COLUMNS": "100"})
    assert found.exit_code == code, found.output
    return found


def alive(folder: Path) -> None:
    """The server was asked every minute from nine to twelve; its process had started a quarter of an hour before."""
    store = LedgerStore("sqlite:///ledger.db", folder)
    times = np.arange(TEN_US - HOUR_US, TEN_US + 2 * HOUR_US, HOUR_US // 60).tolist()
    start_us, ready_us = TEN_US - HOUR_US - HOUR_US // 4, TEN_US - HOUR_US - HOUR_US // 5
    with store.writing() as connection:
        add_samples(connection, SERVER, ServerSamples.of([ServerSample(at, start_us, ready_us) for at in times]))
    store.close()


def test_without_samples_a_server_is_there_while_it_answers() -> None:
    """And what other servers did is not known, and told."""
    assert [line.rstrip() for line in ran().stdout.splitlines()] == [
        "GPU time by team, 2026-01-05T00:00:00Z to 2026-01-07T00:00:00Z, method weighted_ps_v1",
        "",
        "team    GPU-hours   share  idle      cost",
        "search      0.001  100.0%        0.00 USD",
        "all         0.001  100.0%        0.00 USD",
        "2 exchanges were answered by 10.0.0.7:8000, whose GPUs are not known (`gpus.servers`): their GPU",
        "time is not known.",
    ]


def test_idle_time_is_paid_as_it_was_used(folder: Path) -> None:
    """As the configuration has it; starting up is a row of its own."""
    alive(folder)
    found = json.loads(ran("--json").stdout)
    (row,) = found["rows"]
    assert (row["group"], row["currency"]) == (["search"], "USD")
    assert found["unpaid"] == [
        {
            **{"state": "starting", "currency": "USD", "time_us": 2 * HOUR_US // 20, "cost_nano": 250_000_000},
            "energy_mwh": None,
        }
    ]
    lived_us = 3 * HOUR_US + HOUR_US // 4 - HOUR_US // 60 + 15_000_000
    second_day_us = 2 * 899_000
    assert abs(row["used_us"] + row["idle_us"] + found["unpaid"][0]["time_us"] - 2 * lived_us) <= second_day_us


def test_energy_has_a_column_where_watts_are_configured(folder: Path) -> None:
    """Of time in which GPUs worked; what they draw otherwise is not known."""
    alive(folder)
    config = folder / "gpus.yaml"
    config.write_text(config.read_text().replace("  idle: by_use\n", "  watts: { H100-80GB: 620 }\n"))
    lines = [line.rstrip() for line in ran().stdout.splitlines()]
    assert lines[2:7] == [
        "team           GPU-hours   share  idle    kWh       cost",
        "search             0.001    0.0%        0.001   0.00 USD",
        "(idle)             6.375   98.4%               15.94 USD",
        "(starting up)      0.100    1.5%                0.25 USD",
        "all                6.475  100.0%        0.001  16.19 USD",
    ]
    found = json.loads(ran("--json").stdout)
    (row,) = found["rows"]
    assert row["energy_mwh"] == 2 * round(row["used_us"] / 2 * 620 / 3_600_000) > 0  # of two days alike
    assert found["energy_unknown_us"] == 0
    assert [one["energy_mwh"] for one in found["unpaid"]] == [None, None]


def test_a_kind_without_watts_is_told(folder: Path) -> None:
    """As of GPUs that a server had before: its time has no energy."""
    ran()
    config = folder / "gpus.yaml"
    of_others = config.read_text().replace("H100-80GB", "L4")
    config.write_text(of_others.replace("  idle: by_use\n", "  watts: { L4: 72 }\n"))
    assert "0.001 GPU-hours are of kinds that `gpus.watts` does not have: they have no" in ran().stdout


def test_what_has_nothing_new_is_not_read_again() -> None:
    """The second time."""
    first, second = (json.loads(ran("--json").stdout) for _ in range(2))
    assert (first["days_read"], second["days_read"]) == (2, 0)
    assert (first["rows"], first["unpaid"]) == (second["rows"], second["unpaid"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--method", "by_hand"], "there is no method `by_hand`. There are: weighted_ps_v1, even_ps"),
        (["--by", "user"], "GPU time is not kept by `user`. There are: team, project"),
        (["--from", "2026-13-01"], "--from"),
        (["--to", "2026-01-01"], "--from 2026-01-05 is after --to 2026-01-01"),
        (["--from", "2098-01-01", "--to", "2098-01-02"], "no hour of 2098-01-01 is over for an hour yet"),
        (["-c", "config.yaml"], "there is no `gpus:` section"),
    ],
)
def test_what_it_refuses(arguments: list[str], told: str) -> None:
    """In a sentence."""
    given = ["gpus.yaml", *DAYS] if arguments[0] != "-c" else []
    found = CliRunner().invoke(app, [*given, *arguments])
    assert found.exit_code == 2
    assert told in found.stderr


def test_entries_of_files(folder: Path) -> None:
    """For days that the database has no more; whatever was allocated before."""
    pytest.importorskip("pyarrow")
    from extproc.ledger.parquet_file import ParquetFile

    files = folder / "files" / "day=2026-01-05"
    files.mkdir(parents=True)
    times = {"started_at_us": TEN_US, "sent_at_us": TEN_US, "first_token_at_us": TEN_US + 1_000}
    times["ended_at_us"] = TEN_US + HOUR_US
    with ParquetFile(files / "one.parquet") as file:
        file.write([entry(**times, server=SERVER, team="far")])
    before, found = (
        json.loads(ran("--json", *more).stdout) for more in ([], ["--entries", "files", "--to", "2026-01-05"])
    )
    assert [row["group"] for row in before["rows"]] == [["search"]]
    assert [(row["group"], row["used_us"]) for row in found["rows"]] == [(["far"], 2 * HOUR_US)]
    assert found["revised"] == 1


def test_files_that_are_none(folder: Path) -> None:
    """It says which."""
    files = folder / "files" / "day=2026-01-05"
    files.mkdir(parents=True)
    (files / "one.parquet").write_bytes(b"none")
    found = ran("--entries", "files", code=2)
    assert "files: " in found.stderr
    assert "one.parquet" in found.stderr


def test_time_after_the_last_sample_of_a_server_is_told(folder: Path) -> None:
    """Its two GPUs are taken to be there for one more interval, of 15 s, and nothing proves it."""
    alive(folder)
    found = json.loads(ran("--json").stdout)
    assert found["unproven_us"] == 2 * 15_000_000
    assert "0.008 GPU-hours are after the last samples of servers" in ran().stdout
