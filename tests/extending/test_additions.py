"""What CONTRIBUTING says is all: in a copy of the tree something is added, and the laws and the docs hold for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.extending.additions import GUARD, Addition

ROOT = Path(__file__).parents[2]
COPIED = ("extproc", "tests", "docs", "envoy", "deploy", "packages")
FILES_MAX = {"guard": 6}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what is written by hand."""
    leave = shutil.ignore_patterns("__pycache__", "*.gz")
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=leave)
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    return tmp_path


def run(tree: Path, *arguments: str) -> None:
    """Run a module in the copy. What it prints is shown if it fails."""
    environment = os.environ | {"PYTHONPATH": str(tree)}
    result = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("kind", "addition"), [("guard", GUARD)])
def test_what_is_added_is_held_to_everything(tree: Path, kind: str, addition: Addition) -> None:
    """In no more files than CONTRIBUTING names, and one command for what is generated."""
    assert len(addition.files) <= FILES_MAX[kind]
    addition.write(tree)
    run(tree, "tests.docs.reference")
    run(tree, "pytest", "-q", "-x", "-p", "no:cacheprovider", *addition.tests)


def test_a_guard_without_an_example_fails_the_laws(tree: Path) -> None:
    """So that no guard is left out of them."""
    files = {name: change for name, change in GUARD.files.items() if name != "tests/guard_examples.py"}
    Addition(files, ()).write(tree)
    with pytest.raises(AssertionError, match="shouting"):
        run(tree, "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/playbooks/test_laws_of_all_guards.py")
