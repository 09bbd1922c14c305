"""What mypyc does not take, looked for here since compiling everything (``make compiled``) takes minutes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "extproc"
COMPILED = ("domain", "payload", "detectors", "filters", "exchange", "wire", "sinks", "server/h2")


@pytest.mark.parametrize("package", COMPILED)
def test_no_string_literal_has_half_a_character(package: str) -> None:
    """A pattern for surrogates is a raw string: its escapes are the engine's."""
    for file in sorted((PACKAGE / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert node.value.isascii() or node.value.encode("utf-8", "ignore").decode() == node.value, (
                    f"{file.name}:{node.lineno}"
                )
