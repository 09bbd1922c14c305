"""Filters ask a view and read no body: trees, and the paths of texts in them, are private to ``payload``.

A violation is planted in a copy of a real module, so that a rename which empties the rule does not pass in silence.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.payload.dialect import Frame
from extproc.payload.view import RequestView, ResponseView, TextField

PACKAGE = Path(__file__).parents[2] / "extproc"
TREE, PATH = "tree", "path"
SEE_TEXTS = ("exchange", "filters", "sinks", "wire")
"""Packages that are handed texts of requests; in others, a path is one of a file or of a URL."""


def private_names_read(package: str, source: str) -> Iterator[str]:
    """Each private attribute that a module of a package reads, with its line."""
    private = {TREE, PATH} if package in SEE_TEXTS else {TREE}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in private:
            yield f"{node.attr}:{node.lineno}"


def modules_outside_payload() -> list[Path]:
    """Every module that has to ask."""
    return [file for file in sorted(PACKAGE.rglob("*.py")) if package_of(file) not in ("payload", "_pb")]


def package_of(file: Path) -> str:
    """The package below ``extproc`` that a module is in."""
    return file.relative_to(PACKAGE).parts[0]


def test_no_module_outside_payload_reads_a_tree_or_a_path() -> None:
    """What a filter wants to know, the dialect states on the view."""
    modules = modules_outside_payload()
    assert {package_of(file) for file in modules} >= set(SEE_TEXTS)
    found = {file: list(private_names_read(package_of(file), file.read_text())) for file in modules}
    assert {file: names for file, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("module", "planted", "name"),
    [
        ("filters/degenerate.py", "request.tree.get('response_format')", TREE),
        ("filters/size.py", "request.texts[0].path[0] == 'messages'", PATH),
        ("exchange/whole_response.py", "view.tree['choices']", TREE),
        ("exchange/machine.py", "[field.path for field in request.texts]", PATH),
        ("server/transport/processor.py", "frame.tree", TREE),
    ],
)
def test_a_planted_reading_is_found(module: str, planted: str, name: str) -> None:
    """The rule can fail, in each package that is near to a body."""
    source = (PACKAGE / module).read_text() + f"\nplanted = lambda request, view, frame: {planted}\n"
    line = len(source.splitlines())
    assert list(private_names_read(module.partition("/")[0], source)) == [f"{name}:{line}"]


def test_the_private_names_are_those_of_the_views() -> None:
    """Whoever renames them renames them here."""
    assert all(hasattr(view, TREE) for view in (RequestView, ResponseView, Frame))
    assert hasattr(TextField, PATH)
