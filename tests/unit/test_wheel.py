"""What is installed in production: the program and its weights, and nothing that only the demo or a test needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.tools.wheel_check import ROOT, build_wheel

WHEEL_BYTES_MAX = 2_500_000
"""Of the package, which has 2.0 MB; recordings and models have more each."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the package, as `make wheel-check` builds it."""
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("sources"))


def test_no_recording_is_in_it(wheel: Path) -> None:
    """They are a package of their own, and the largest thing there is."""
    with ZipFile(wheel) as files:
        assert not [name for name in files.namelist() if name.endswith((".http", ".timing.json"))]
    assert wheel.stat().st_size < WHEEL_BYTES_MAX


def test_it_runs_from_nothing_but_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """Data files are in it, too: the shipped configuration is valid, and its guards can be loaded."""
    with ZipFile(wheel) as files:
        files.extractall(tmp_path)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-m", "extproc", "check", "extproc/demo/config.yaml"]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_manual_page_is_installed_where_man_looks(wheel: Path) -> None:
    """Below the prefix, as a virtual environment has it."""
    with ZipFile(wheel) as files:
        (page,) = [name for name in files.namelist() if name.endswith(".data/data/share/man/man1/extproc.1")]
        assert files.read(page) == (ROOT / "extproc" / "cli" / "extproc.1").read_bytes()


def test_the_migrations_of_the_ledger_are_in_it(wheel: Path) -> None:
    """Alembic looks for them as files."""
    ours = {f"extproc/ledger/migrations/{one}" for one in ("env.py", "versions/v0001_entries.py")}
    with ZipFile(wheel) as files:
        assert ours <= set(files.namelist())
