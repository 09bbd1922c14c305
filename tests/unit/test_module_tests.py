"""Each module of the path has a test of its name, in the mirrored folder: who changes one finds what holds it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from extproc.detectors.pii import kinds

ROOT = Path(__file__).parents[2]
PATH = ("domain", "wire", "payload", "detectors", "filters", "exchange", "server/transport")
"""The packages that each message goes through."""
KINDS_TEST = "detectors/pii/test_kinds.py"
"""It tries every kind of every module that ``kinds`` lists."""

DATA, PROTOCOL, TABLE = "data without code", "a protocol", "a table"
ELSEWHERE: dict[str, str] = {}
"""Modules without a test of their own, each with the reason, and with the test that holds it if it has code."""


def modules() -> list[str]:
    """Every module of the path, as a file below ``extproc``."""
    found = [file for package in PATH for file in (ROOT / "extproc" / package).rglob("*.py")]
    return sorted(str(file.relative_to(ROOT / "extproc")) for file in found if file.name != "__init__.py")


def tests_of(module: str) -> list[Path]:
    """Where its test may be: in the mirrored folder, or of the exchange among the playbooks."""
    folder, name = Path(module).parent, f"test_{Path(module).name}"
    places = [ROOT / "tests" / "unit" / folder / name]
    if module.startswith("exchange/"):
        places.append(ROOT / "tests" / "playbooks" / name)
    if module in kind_modules():
        places.append(ROOT / "tests" / "unit" / KINDS_TEST)
    return places


def kind_modules() -> set[str]:
    """The modules whose kinds of personal data are listed."""
    return {f"detectors/pii/{name}.py" for name, value in vars(kinds).items() if inspect.ismodule(value)}


def test_every_module_has_a_test_of_its_name() -> None:
    """Or a reason why it has none; no reason outlives the module, or the lack of a test."""
    assert len(modules()) > 150
    without = {module for module in modules() if not any(place.exists() for place in tests_of(module))}
    assert sorted(without) == sorted(ELSEWHERE)


@pytest.mark.parametrize("module", ELSEWHERE)
def test_a_reason_names_what_there_is(module: str) -> None:
    """The tests that hold a module under another name."""
    reason = ELSEWHERE[module]
    named = re.findall(r"`([^`]+)`", reason)
    assert named or reason in (DATA, PROTOCOL, TABLE)
    assert [name for name in named if not (ROOT / "tests" / name).exists()] == []
