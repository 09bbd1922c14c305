"""The page of dependencies: it lists what ``pyproject.toml`` lists, no more and no less, and leaves no cell empty."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict

from tests.docs.pages import DOCS, ROOT

PAGE = DOCS / "dependencies.md"
ALWAYS, BUILD = "-", "build"
COLUMNS = 7


def required() -> dict[str, set[str]]:
    """The extras that each package belongs to, as ``pyproject.toml`` says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = {ALWAYS: project["project"]["dependencies"], **project["project"]["optional-dependencies"]}
    named[BUILD] = [*project["build-system"]["requires"], *project["dependency-groups"]["build"]]
    extras: dict[str, set[str]] = defaultdict(set)
    for extra, requirements in named.items():
        for requirement in requirements:
            extras[_package(requirement)].add(extra)
    return dict(extras)


def _package(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None
    return name[0].lower()


def rows() -> list[list[str]]:
    """The cells of each row of the page's table."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_lists_exactly_what_is_required() -> None:
    """Each package with all its extras; numpy has a row for each of its reasons."""
    listed: dict[str, set[str]] = defaultdict(set)
    for package, extras, *_ in rows():
        listed[package.strip("`")] |= set(extras.split(", "))
    assert dict(listed) == required()


def test_every_cell_says_something() -> None:
    """Reason, license, keeper, last release, cost."""
    for row in rows():
        assert len(row) == COLUMNS
        assert all(row), row
        assert re.fullmatch(r"20[0-9]{2}-[01][0-9]|-", row[5]), row
        assert re.fullmatch(r"[0-9]+|-|not measured", row[6]), row
