"""What ``extproc size`` takes from a configuration, and what it says."""

from __future__ import annotations

import json
import operator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from extproc.cli import _app as app
from tests.unit.cli.programs import ROOT
from tests.unit.cli.samples import fill
from tests.unit.config.conftest import MINIMAL

GUARDED = (
    MINIMAL.partition("policies:")[0]
    + """policies:
  - name: cheap
    when: [{ teams: [search] }]
    guards: [{ guard: refusal }]
  - name: dear
    when: [{ teams: [support] }]
    guards: [{ guard: injection }, { guard: pii }]
  - name: default
    guards: [{ guard: refusal }]
"""
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The samples, in the current folder."""
    monkeypatch.chdir(fill(tmp_path))
    return tmp_path


def printed(*options: str) -> str:
    """What it says of 100 requests a second."""
    ran = CliRunner().invoke(app, ["size", "--requests-per-s", "100", *options], env={"COLUMNS": "200"})
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def sized(*options: str) -> dict[str, Any]:
    """The same as data."""
    return json.loads(printed("--json", *options))  # type: ignore[no-any-return]


def test_without_a_configuration_it_says_what_it_assumes() -> None:
    """No file of this folder is meant."""
    found = sized()
    assert found["config"] is None
    assert found["load"]["guards"] == ["standard"]
    assert found["load"]["exchange_s"] == 20.5
    assert (found["ledger"], found["limit_store"]) == (None, None)


def test_a_configuration_says_what_it_has() -> None:
    """And an option says otherwise."""
    of_file = sized("-c", "limited.yaml")
    assert of_file["config"] == "limited.yaml"
    assert of_file["load"]["limit_store"] in ("memory", "valkey")
    assert sized("-c", "config.yaml")["load"]["ledger"] == "sqlite"
    said = sized("-c", "config.yaml", "--ledger", "postgresql", "--guards", "none", "--versions", "7")["load"]
    assert (said["ledger"], said["guards"], said["versions"]) == ("postgresql", ["none"], 7)


def test_the_policy_that_costs_most_counts(folder: Path) -> None:
    """Whoever asks may fall under it."""
    (folder / "guarded.yaml").write_text(GUARDED)
    assert sized("-c", "guarded.yaml")["load"]["guards"] == ["injection", "pii"]
    (folder / "unguarded.yaml").write_text(MINIMAL.partition("policies:")[0].replace("  - filter: guards\n", ""))
    assert sized("-c", "unguarded.yaml")["load"]["guards"] == []


def test_a_longer_answer_takes_longer_unless_it_is_said() -> None:
    """20 tokens a second, as the processor assumes of a model that it does not know."""
    assert sized("--answer-tokens", "1000")["load"]["exchange_s"] == 50.5
    assert sized("--answer-tokens", "1000", "--exchange-s", "3")["load"]["exchange_s"] == 3


def test_more_of_anything_takes_no_less() -> None:
    """A figure that falls where a load grows would be a mistake of the model."""
    base = sized("--ledger", "postgresql", "--limit-store", "valkey")
    for options in (("--answer-tokens", "4000"), ("--prompt-tokens", "5000"), ("--teams", "90"), ("--versions", "9")):
        more = sized("--ledger", "postgresql", "--limit-store", "valkey", *options)
        for part, figure in (("processors", "cores"), ("processors", "pods"), ("envoys", "cores"), ("series", "all")):
            assert more[part][figure] >= base[part][figure], (options, figure)


def test_what_is_exceeded_is_marked() -> None:
    """By the rate that was asked for."""
    line = next(one for one in printed().splitlines() if "Envoy that may have 4,096" in one)
    assert not line.startswith("!")
    ran = CliRunner().invoke(app, ["size", "--requests-per-s", "1000"], env={"COLUMNS": "200"})
    assert next(one for one in ran.stdout.splitlines() if "Envoy that may have 4,096" in one).startswith("!")


def test_growth_is_told_if_it_is_asked_for() -> None:
    """From a pod to ten million."""
    assert sized()["growth"] == []
    rows = sized("--growth")["growth"]
    assert [row["requests_per_s"] for row in rows] == [1e2, 1e3, 1e4, 1e5, 1e6, 1e7]
    assert "The same mix at other rates" in printed("--growth")


def test_the_values_of_the_chart_say_the_same() -> None:
    """They can be given to `helm --set`, and the chart has each."""
    values = yaml.safe_load((ROOT / "deploy" / "helm" / "llm-extproc" / "values.yaml").read_text())
    found = sized("--workers", "2", "--utilization", "0.5")["processors"]
    for path in found["helm_values"]:
        reduce(operator.getitem, path.split("."), values)
    assert found["helm_values"]["replicas"] == str(found["pods"])
    assert found["helm_values"]["resources.requests.cpu"] == "2000m"
    assert found["helm_values"]["autoscaling.targetCPUUtilizationPercentage"] == "50"
