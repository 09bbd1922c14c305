"""Stand-ins for the package ``llm-extproc-models``: what it states is real, what it holds is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.tools.models_wheel.__main__ import PACKAGE, PROJECT


def changed_package(folder: Path, *names: str) -> Path:
    """Write the package with these of its files, of other bytes, and without the rest. Returns the folder."""
    package = folder / PACKAGE
    package.mkdir()
    (package / "__init__.py").write_bytes((PROJECT / PACKAGE / "__init__.py").read_bytes())
    for name in names:
        (package / name).write_bytes(b"other bytes")
    return folder


def use_package(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Import the package from a folder in this process, until the test ends."""
    use_no_package(monkeypatch)  # at the end of the test, what was imported before is back
    del sys.modules[PACKAGE]
    monkeypatch.syspath_prepend(folder)


def use_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the package not be there, until the test ends."""
    monkeypatch.setitem(sys.modules, PACKAGE, None)
