"""What an exchange takes in stores and metrics, counted again: ``extproc size`` multiplies what was counted before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.sizes import measure_ledger_sizes, measure_limit_store, measure_series, series_of
from tests.bench.sizing import REPORT
from tests.tools.valkey import valkey
from tests.unit.databases import Server

RECORDED: dict[str, float] = json.loads(REPORT.read_text())["parts"]
AGAIN = "count again: make size-check ARGS=--record"


def near(found: dict[str, float], times: float) -> None:
    """What is counted now is what was counted then, but for CPU, which depends on the machine."""
    counted = {name: value for name, value in found.items() if not name.endswith("_us")}
    assert counted
    for name, value in counted.items():
        assert value == pytest.approx(RECORDED[name], rel=times - 1), f"{name}; {AGAIN}"


def test_bytes_of_an_entry(tmp_path: Path, postgres: Server) -> None:
    """In the spool, in both databases and in Parquet; a column more is noticed, a page more is not."""
    near(measure_ledger_sizes(tmp_path, postgres, exchanges=2_000), 1.15)


def test_calls_of_a_rate_limit(tmp_path: Path) -> None:
    """Of a real store: two calls, in one round trip."""
    with valkey(tmp_path) as server:
        near(measure_limit_store(server), 1.1)


def test_series_of_metrics() -> None:
    """Four counts give a formula, which is right for others too."""
    found = measure_series()
    near(found, 1.0)
    for teams, versions in ((5, 3), (1, 7), (9, 1)):
        expected = found["series_base"] + found["series_team"] * teams + found["series_version"] * versions
        assert series_of(teams, versions) == expected + found["series_team_version"] * teams * versions
