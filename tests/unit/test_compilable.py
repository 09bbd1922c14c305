"""What mypyc does not take, looked for here since compiling everything (``make compiled``) takes minutes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETUP = {
    target.id: ast.literal_eval(node.value)
    for node in ast.parse((ROOT / "setup.py").read_text("utf-8")).body
    if isinstance(node, ast.Assign)
    for target in node.targets
    if isinstance(target, ast.Name)
}
GENERATED = {"gitleaks_shapes.py", "look_alike_letters.py"}
CONSTANT = re.compile("_?[A-Z][A-Z0-9_]+")


@pytest.mark.parametrize("package", SETUP["PACKAGES"])
def test_constants_are_final(package: str) -> None:
    """mypyc looks up any other name in a dictionary, each time."""
    for file in sorted((ROOT / "extproc" / package).glob("*.py")):
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.Assign) and file.name not in GENERATED:
                names = [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
                assert not [name for name in names if CONSTANT.fullmatch(name)], f"{file.name}:{node.lineno}: no Final"


@pytest.mark.parametrize("package", SETUP["PACKAGES"])
def test_no_string_literal_has_half_a_character(package: str) -> None:
    """A pattern for surrogates is a raw string: its escapes are the engine's."""
    for file in sorted((ROOT / "extproc" / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert node.value.isascii() or node.value.encode("utf-8", "ignore").decode() == node.value, (
                    f"{file.name}:{node.lineno}"
                )


@pytest.mark.parametrize("package", SETUP["PACKAGES"])
def test_nothing_is_unpacked_where_membership_is_asked(package: str) -> None:
    """``letter in ("", *"ABC")`` ends mypyc with an assertion of its own."""
    for file in sorted((ROOT / "extproc" / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Compare):
                for right in node.comparators:
                    assert not any(isinstance(one, ast.Starred) for one in getattr(right, "elts", ())), (
                        f"{file.name}:{node.lineno}"
                    )
