"""No code of ours runs between fork and exec: other threads may hold locks there, and gRPC's handlers print errors into
the output of the program that is started (github.com/grpc/grpc/issues/43055). The process that starts our program for
tests is the exception: it has one thread, which it asserts before each fork, and has not imported gRPC.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("extproc", "packages", "tests")
FORKS = {"tests/starts/forking.py": 3}
"""How often who may does."""


def forking_calls(source: str) -> Iterator[int]:
    """The lines that fork and then run Python."""
    if "fork" not in source and "preexec_fn" not in source:  # what takes long is reading a thousand files as Python
        return
    for node in ast.walk(ast.parse(source)):
        if (isinstance(node, ast.keyword) and node.arg == "preexec_fn") or (
            isinstance(node, ast.Attribute) and node.attr in ("fork", "forkpty") and _is_os(node.value)
        ):
            yield node.lineno


def _is_os(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("os", "pty")


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_forks(folder: str) -> None:
    """Programs are started by ``subprocess`` without ``preexec_fn``."""
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    found = {str(file.relative_to(ROOT)): list(forking_calls(file.read_text("utf-8"))) for file in files}
    counted = {file: len(lines) for file, lines in found.items() if lines}
    assert counted == {file: count for file, count in FORKS.items() if file.startswith(f"{folder}/")}, found


@pytest.mark.parametrize("planted", ["Popen(command, preexec_fn=setup)", "run(command, preexec_fn=setup)", "os.fork()"])
def test_a_planted_one_is_found(planted: str) -> None:
    """The rule can fail."""
    assert list(forking_calls(f"import os\n{planted}\n")) == [2]
