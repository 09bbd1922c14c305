"""A detector of another package at work: the example of the documentation, installed as a user would install it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "docs" / "custom-detector"
CONFIG = """\
models:
  tiny:
    versions:
      v1: { weight: 1, price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 1 } }
filters: [{ filter: version }, { filter: guards }, { filter: meter }]
policies:
  - name: default
    guards:
      - guard: custom
        name: tickets
        detector: tickets
        settings: { projects: [OPS] }
        action: mask
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example's package in it, built without network."""
    folder = tmp_path_factory.mktemp("packages")
    source = tmp_path_factory.mktemp("source")
    for file in ("pyproject.toml", "ticket_detector.py"):  # building leaves files beside the sources
        (source / file).write_text((EXAMPLE / file).read_text())
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True)
    return folder


def extproc(*arguments: str, packages: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command line, with further packages."""
    path = os.pathsep.join(map(str, (*([packages] if packages else []), ROOT)))
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "extproc", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def configured(folder: Path, content: str = CONFIG) -> str:
    """The configuration as a file."""
    file = folder / "llm-extproc.yaml"
    file.write_text(content)
    return str(file)


def test_what_it_finds_is_masked(installed: Path, tmp_path: Path) -> None:
    """Text and JSON in a request, under the guard's name."""
    call = {"id": "c", "type": "function", "function": {"name": "look_up", "arguments": '{"ticket": "OPS-17"}'}}
    messages = [{"role": "user", "content": "What of OPS-42 and DEV-1?"}, {"role": "assistant", "tool_calls": [call]}]
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"model": "tiny", "messages": messages}))
    told = extproc("explain", "-c", configured(tmp_path), str(body), packages=installed)
    assert told.returncode == 0, told.stderr
    assert "What of <TICKET> and DEV-1?" in told.stdout
    assert r"{\"ticket\": \"<TICKET>\"}" in told.stdout
    assert "tickets TICKET × 2; tickets: mask × 2" in told.stdout


def test_it_is_told_when_it_is_not_installed(tmp_path: Path) -> None:
    """With the line, what there is, and what to do."""
    file = configured(tmp_path)
    told = extproc("check", file)
    assert told.returncode == 2
    assert told.stderr.startswith(
        f"{file}:11:19: policies[default].guards[tickets].detector: no installed package offers the detector `tickets`"
    )
    assert "Install its package where llm-extproc is installed" in told.stderr


def test_settings_that_it_refuses_are_told(installed: Path, tmp_path: Path) -> None:
    """In its own words."""
    told = extproc("check", configured(tmp_path, CONFIG.replace("[OPS]", "[]")), packages=installed)
    assert told.returncode == 2
    assert "cannot be made with these settings (name at least one project)" in told.stderr


def test_the_example_is_short() -> None:
    """Under 40 lines: a detector of one's own is no project."""
    assert len((EXAMPLE / "ticket_detector.py").read_text().splitlines()) < 40
