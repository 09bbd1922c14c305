"""What the page about Istio says is what the commands do, with the configurations of the page and of the manifests."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from extproc.cli import _app as app
from extproc.envoy_config.istio.mesh import MeshPlace
from tests.docs.pages import DOCS, blocks

PAGE = DOCS / "istio.md"
COMMANDS = re.findall(r"^extproc (envoy-config [^\n]+)$", "\n".join(blocks(PAGE, "sh")), re.MULTILINE)
GUARD = DOCS.parent / "deploy" / "kustomize" / "base" / "config"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's configuration, and that of the pod with a guard."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "llm-extproc.yaml").write_text(blocks(PAGE, "yaml")[0])
    shutil.copytree(GUARD, tmp_path, dirs_exist_ok=True)
    (tmp_path / "config.yaml").rename(tmp_path / "guard.yaml")
    return tmp_path


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_prints_manifests(line: str, folder: Path) -> None:
    """To standard output, or to the file that it names."""
    result = CliRunner().invoke(app, shlex.split(line))
    assert (result.exit_code, result.stderr) == (0, "")
    text = result.stdout or (folder / "istio.yaml").read_text()
    assert "EnvoyFilter" in [each["kind"] for each in yaml.safe_load_all(text)]


def test_every_place_has_a_command_and_a_row() -> None:
    """No place is added without them."""
    text = PAGE.read_text()
    assert {re.findall(r"--for (\S+)", line)[0] for line in COMMANDS} == set(MeshPlace)
    assert set(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)) >= set(MeshPlace)


def test_the_objects_of_a_gateway_are_listed(folder: Path) -> None:
    """Each kind that the first command prints has its row, and there is no other."""
    CliRunner().invoke(app, shlex.split(COMMANDS[0]))
    kinds = {each["kind"] for each in yaml.safe_load_all((folder / "istio.yaml").read_text())}
    assert set(re.findall(r"^\| ([A-Z][A-Za-z]+) \|", PAGE.read_text(), re.MULTILINE)) == kinds
