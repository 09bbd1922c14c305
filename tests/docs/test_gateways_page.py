"""What the page about gateways says is what the commands do, with its configuration and those of the overlays."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from extproc.cli import _app as app
from extproc.domain.contract import PICKER_HEADER
from tests.deploy.envoy_gateway import BUFFER_BYTES, TIMEOUT
from tests.docs.pages import DOCS, ROOT, blocks, first_table, section

PAGE = DOCS / "gateways.md"
TEXT = PAGE.read_text()
COMMANDS = re.findall(r"^(?: {4})?extproc ((?:envoy-config|check) [^\n]+)$", TEXT, re.MULTILINE)
OVERLAY = ROOT / "deploy" / "kustomize" / "overlays" / "envoy-gateway"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's configuration, and that of the overlay."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(OVERLAY, tmp_path, dirs_exist_ok=True)
    (tmp_path / "llm-extproc.yaml").write_text(blocks(PAGE, "yaml")[0])
    return tmp_path


def test_every_command_works(folder: Path) -> None:
    """One after the other, as on the page."""
    assert len(COMMANDS) == 3
    for line in COMMANDS:
        result = CliRunner().invoke(app, shlex.split(line))
        assert (result.exit_code, result.stderr) == (0, ""), line
    compared = CliRunner().invoke(app, ["check", "llm-extproc.yaml", "--against", "gateway.yaml"])
    assert compared.exit_code == 0
    assert (folder / "routes.yaml").read_text() == (OVERLAY / "routes.yaml").read_text()


def test_the_objects_are_listed(folder: Path) -> None:
    """Each kind that the first command prints has its row, in this order; two more are named behind."""
    CliRunner().invoke(app, shlex.split(COMMANDS[0]))
    kinds = dict.fromkeys(each["kind"] for each in yaml.safe_load_all((folder / "gateway.yaml").read_text()))
    assert first_table(section(PAGE, "Envoy Gateway, in three commands")) == list(kinds)
    for each in yaml.safe_load_all((folder / "routes.yaml").read_text()):
        assert f"a {each['kind']}" in TEXT or f"| {each['kind']} |" in TEXT


def test_what_is_said_of_others_is_what_the_tests_imitate() -> None:
    """Limits of Envoy Gateway, and the header of pickers."""
    assert f"{BUFFER_BYTES // 1_024} KiB" in TEXT
    assert f"{TIMEOUT.removesuffix('s')} s" in TEXT
    assert f"`{PICKER_HEADER}`" in TEXT


@pytest.mark.parametrize("name", re.findall(r"overlays/([a-z-]+)`", TEXT))
def test_every_overlay_that_is_named_exists(name: str) -> None:
    """With a kustomization."""
    assert (OVERLAY.parent / name / "kustomization.yaml").exists()
