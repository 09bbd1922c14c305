"""The ways round the injection guard as cases of ``extproc test``, in a file as a person would write it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.cli.testing_run import ReadFiles, run_file
from tests.playbooks.driver import CHAT
from tests.playbooks.test_evasions import Evasion, evasions

CONFIG = """\
models:
  tiny:
    versions:
      v1: { weight: 1, price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 1 } }
filters: [{ filter: version }, { filter: guards }]
policies: [{ name: default, guards: [{ guard: injection }] }]
"""
CASES_A_SECOND_MIN = 100
"""Far below what they reach (1,000 on an idle core), since a suite may share its machine."""


WITH_BODY = [evasion for evasion in evasions() if evasion.request()[1]]
"""A request without a body ends at its headers."""


def expectation(evasion: Evasion) -> dict[str, Any]:
    """Its fate in the words of a case."""
    fate = evasion.fate.partition(":")[0]
    if fate.startswith("refused "):
        return {"code": fate.removeprefix("refused "), "blocked_by": "none"}
    return {
        "blocked": {"blocked_by": "injection", "status": 400},
        "flagged": {"passes": True, "flagged": "injection"},
        "passes": {"passes": True, "not_found": "injection"},
    }[fate]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts stand in the file, bodies in files of their own."""
    folder = tmp_path_factory.mktemp("evasions")
    cases: list[dict[str, Any]] = []
    for evasion in WITH_BODY:
        path, body = evasion.request()
        request: Any = json.loads(body)["messages"][0]["content"] if evasion.sent.startswith('"') else None
        if request is None or not request.isprintable():
            (folder / f"{evasion.name}.json").write_bytes(body)
            request = {"file": f"{evasion.name}.json"}
        case = {"name": evasion.name, "request": request, "expect": expectation(evasion)}
        cases.append(case | ({"path": path} if path != CHAT else {}))
    (folder / "config.yaml").write_text(CONFIG)
    written = yaml.safe_dump({"config": "config.yaml", "cases": cases}, allow_unicode=True, sort_keys=False)
    (folder / "cases.yaml").write_text(written)
    return folder / "cases.yaml"


def test_every_evasion_meets_its_fate_as_a_case(file: Path) -> None:
    """All of them, at hundreds a second."""
    run = run_file(file, None, ReadFiles())
    assert [(one.name, one.differences) for one in run.results if not one.ok] == []
    assert len(run.results) == len(WITH_BODY) > 300
    assert len(run.results) / (run.took_ns / 1e9) > CASES_A_SECOND_MIN
