"""What ``extproc budget`` prints and keeps."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from extproc.allocation.slices import HOUR_US
from extproc.cli import _app as app
from extproc.ledger.allocation.allocating import allocate_day
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.store import LedgerStore
from tests.unit.cli.samples import fill
from tests.unit.ledger.allocation.samples import OTHER, SERVERS, terms
from tests.unit.reports.samples import HOSTILE, entry_at

CONFIG = ("-c", "config.yaml")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The samples, in the current folder."""
    monkeypatch.chdir(fill(tmp_path))
    return tmp_path


def printed(*arguments: str, config: tuple[str, str] = CONFIG) -> str:
    """What a command prints."""
    ran = CliRunner().invoke(app, ["budget", *arguments, *config], env={"COLUMNS": "80"})
    assert ran.exit_code == 0, ran.stderr
    return ran.stdout


def status(name: str) -> dict[str, Any]:
    """A budget as data."""
    budgets: list[dict[str, Any]] = json.loads(printed("status", "--json"))["budgets"]
    return next(one for one in budgets if one["name"] == name)


@pytest.mark.usefixtures("folder")
def test_the_table() -> None:
    """A range of days that is over shows what was spent in it; -: entries without a project."""
    assert printed("status").partition("\n\n")[2] == (
        "winter, per project, warns only, not running\n"
        "2026-01-05T00:00:00+01:00 to 2026-01-07T00:00:00+01:00 (Europe/Zurich)\n"
        "key    limit      spent        left         share  state\n"
        "-      4M tokens  107 tokens   4M tokens    0 %\n"
        "index  4M tokens  3.2M tokens  800K tokens  80 %   over 80 %\n"
    )
    winter = status("winter")
    assert (winter["running"], winter["keys"][1]["reached"], winter["keys"][1]["left"]) == (False, [50, 80], 799_786)


def test_a_grant_counts_and_is_kept(folder: Path) -> None:
    """It changes what is left, and the history says who made it."""
    store = LedgerStore("sqlite:///ledger.db", folder)
    store.add([entry_at(f"{datetime.now(UTC):%Y-%m-%dT%H:%M}", "now", team="hr", cost_micro_usd=150_000_000)])
    store.close()
    before = status("monthly")["keys"][1]
    assert (before["exhausted"], before["left"], before["percent"]) == (True, -50_000_000, 150)
    line = printed("grant", "monthly", "hr", "--amount", "200000000", "--by", "bob", "--note", "launch")
    assert line.startswith("monthly: hr has $300.00 until 20")
    assert line.endswith(", of which $150.00 are left.\n")
    after = status("monthly")["keys"][1]
    assert (after["exhausted"], after["granted"], after["left"], after["percent"]) == (
        False,
        200_000_000,
        150_000_000,
        50,
    )
    last = json.loads(printed("history", "--json"))["changes"][-1]
    assert [last[key] for key in ("number", "budget", "key", "kind", "amount", "by", "note")] == [
        *(2, "monthly", "hr", "grant", 200_000_000, "bob", "launch")
    ]
    assert last["period"] == {key: value.replace("Z", "+00:00") for key, value in status("monthly")["period"].items()}


@pytest.mark.usefixtures("folder")
def test_the_history_of_one_budget() -> None:
    """Of another one there is nothing, which is said apart from the result."""
    ran = CliRunner().invoke(app, ["budget", "history", "winter", *CONFIG])
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "Nothing was granted, and no share was spent.\n")
    assert len(json.loads(printed("history", "monthly", "--json"))["changes"]) == 1


def test_hostile_names_stay_in_their_cells(folder: Path) -> None:
    """No name moves the cursor or begins a line."""
    store = LedgerStore("sqlite:///ledger.db", folder)
    store.add([entry_at("2026-01-06T10:00", f"h{number}", project=name) for number, name in enumerate(HOSTILE)])
    store.close()
    table = printed("status")
    assert "\x1b" not in table
    assert "two\u00b7lines" in table
    assert {key["key"] for key in status("winter")["keys"]} == {*HOSTILE, "index"}


def test_gpu_time_is_shown_in_hours(folder: Path) -> None:
    """Up to when it is known, as it comes late; data and grants have seconds."""
    now = datetime.now(UTC)
    today_us = int(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * 1_000_000
    yesterday = (now - timedelta(1)).date()
    config, usual = folder / "gpus.yaml", ("-c", "gpus.yaml")
    text = config.read_text().replace("2026-01-05", f"{yesterday}").replace("2026-01-06", f"{now.date()}")
    config.write_text(text)
    assert "GPU time since yesterday is not allocated.\nNothing is spent.\n" in printed("status", config=usual)
    store = LedgerStore("sqlite:///ledger.db", folder)
    at_us = dict.fromkeys(("started_at_us", "sent_at_us", "first_token_at_us"), today_us - 20 * HOUR_US)
    times = at_us | {"ended_at_us": today_us - 19 * HOUR_US}
    store.add([entry_at("2026-01-05T10:00", "g", team="search", server=OTHER, **times)])
    allocate_day(store, terms({OTHER: SERVERS[OTHER]}, alive=(OTHER,)), (today_us - DAY_US, today_us), today_us)
    store.close()
    shown = printed("status", config=usual)
    assert f"GPU time until {now.date()}T00:00:00+00:00 is allocated.\n" in shown
    assert shown.endswith(
        "key     limit         spent        left         share  state\n"
        "search  10 GPU-hours  1 GPU-hours  9 GPU-hours  10 %\n"
    )
    (january,) = json.loads(printed("status", "--json", config=usual))["budgets"]
    assert january["allocated_until"] == f"{now.date()}T00:00:00+00:00"
    assert (january["of"], january["keys"][0]["spent"], january["keys"][0]["left"]) == ("gpu_seconds", 3_600, 32_400)
    line = printed("grant", "january", "search", "--amount", "-31500", config=usual)
    assert line.startswith("january: search has 1.25 GPU-hours until ")
    assert "grant -8.75 GPU-hours" in printed("history", config=usual)


def test_a_budget_that_blocks_says_so(folder: Path) -> None:
    """It must not be taken for one that warns."""
    config = folder / "config.yaml"
    acts = "period: month, on_exhausted: block, when_unknown: allow }"
    config.write_text(config.read_text().replace("period: month }", acts))
    assert printed("status").startswith("monthly, per team, blocks when exhausted\n")
    assert status("monthly")["on_exhausted"] == "block"
    assert status("winter")["on_exhausted"] is None
