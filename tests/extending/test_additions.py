"""What CONTRIBUTING says is all: in a copy of the tree something is added, and the laws and the docs hold for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.extending.added_filter import FILTER
from tests.extending.added_guard import GUARD
from tests.extending.added_kinds import KIND, NATIONAL_ID
from tests.extending.added_metric import METRIC
from tests.extending.additions import Addition

ROOT = Path(__file__).parents[2]
COPIED = ("extproc", "tests", "docs", "envoy", "deploy", "packages", "requirements")
FILES_MAX = {"guard": 6, "filter": 4, "kind of `pii`": 3, "metric": 2}
ADDITIONS = [
    ("guard", GUARD),
    ("filter", FILTER),
    ("kind of `pii`", KIND),
    ("kind of `pii`", NATIONAL_ID),
    ("metric", METRIC),
]
NAMES = ["guard", "filter", "pii kind", "national id", "metric"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what is written by hand, with its bytecode where there is some."""
    leave = shutil.ignore_patterns("*.gz")
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


def run_tests(tree: Path, *additions: Addition) -> None:
    """Run what must pass with them, in one process."""
    tests = dict.fromkeys(test for addition in additions for test in addition.tests)
    chosen = " or ".join(addition.chosen for addition in additions)
    run(tree, "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", chosen, *tests)


@pytest.mark.parametrize(("what", "addition"), ADDITIONS, ids=NAMES)
def test_an_addition_takes_few_files(what: str, addition: Addition) -> None:
    """No more than CONTRIBUTING names, and none of another addition's."""
    assert len(addition.files) <= FILES_MAX[what]
    others = {name for _, other in ADDITIONS if other is not addition for name in other.files}
    assert others.isdisjoint(addition.files)


@pytest.mark.timeout(300)
def test_what_is_added_is_held_to_everything(tree: Path) -> None:
    """All of it in one tree, as none has a file of another. One command writes what is generated."""
    for _, addition in ADDITIONS:
        addition.write(tree)
    run(tree, "tests.docs.reference")
    run_tests(tree, *(addition for _, addition in ADDITIONS))


@pytest.mark.parametrize("addition", [one for _, one in ADDITIONS if one.example], ids=lambda one: one.example)
def test_without_an_example_the_laws_fail(tree: Path, addition: Addition) -> None:
    """So that nothing is left out of them."""
    files = {name: change for name, change in addition.files.items() if name != addition.example}
    assert files.keys() != addition.files.keys()
    replace(addition, files=files).write(tree)
    with pytest.raises(AssertionError, match=r"test_every_(guard|filter|kind)_"):
        run_tests(tree, replace(addition, tests=addition.tests[:1], only="test_every"))


def test_contributing_names_the_numbers() -> None:
    """As they are tried here."""
    words = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
    text = (ROOT / "CONTRIBUTING.md").read_text()
    told = re.findall(r"^(?:A|Another) ([^.]+?) takes (\w+) files", text, re.MULTILINE)
    numbers = {what: words[number] for what, number in told}
    assert {what: numbers.get(what) for what in FILES_MAX} == FILES_MAX
