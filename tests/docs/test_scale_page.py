"""The page of scale: its figures are those of the command that it names, and its sentences those of the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from extproc.cli import _app as app
from extproc.sizing.thresholds import POSTGRESQL_BYTES, POSTGRESQL_CORES, PROMETHEUS_SERIES
from extproc.sizing.waiting import MESSAGES
from tests.bench.sizing import TIMES_MAX
from tests.docs.pages import DOCS, blocks
from tests.docs.size_tables import COMMAND

PAGE = DOCS / "scale.md"
TEXT = PAGE.read_text()


def test_what_is_shown_is_what_the_command_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page names the command, and shows its lines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "170")
    assert f"`{COMMAND}`" in TEXT
    printed = CliRunner().invoke(app, COMMAND.split()[1:])
    assert printed.exit_code == 0
    (shown,) = blocks(PAGE, "text")
    assert [line.rstrip() for line in printed.stdout.splitlines()] == shown.splitlines()


def test_what_is_assumed_is_told() -> None:
    """With the numbers of the code."""
    assumed = f"{POSTGRESQL_CORES} cores, {POSTGRESQL_BYTES // 10**12} TB and {PROMETHEUS_SERIES:,} series"
    for said in (assumed, f"{MESSAGES:,} messages", f"within {TIMES_MAX:g} times"):
        assert said in " ".join(TEXT.split())


def test_the_orders_of_magnitude_are_those_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page says to do at 10,000 and 100,000 a second is what the model says is full there."""
    monkeypatch.chdir(tmp_path)
    printed = CliRunner().invoke(app, [*COMMAND.split()[1:], "--growth", "--json"])
    rows = {row["requests_per_s"]: row for row in json.loads(printed.stdout)["growth"]}
    exceeded = {rate: " ".join(row["exceeded"]) for rate, row in rows.items()}
    assert "Envoy" not in exceeded[100]
    assert "Envoy" in exceeded[1_000]
    assert "Valkey" not in exceeded[1_000]
    assert "disk" in exceeded[10_000]
    assert "Valkey" in exceeded[10_000]
    assert rows[10_000]["cells"] == 2
    assert 10 <= rows[100_000]["cells"] <= 20, "ten to twenty cells"
    assert rows[1e7]["cells"] == pytest.approx(10 * rows[1e6]["cells"], rel=0.01)
