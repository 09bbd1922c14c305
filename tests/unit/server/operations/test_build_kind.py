"""A process says whether it runs compiled."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from extproc.exchange import machine
from extproc.server.operations import build_kind


@pytest.mark.parametrize(("origin", "compiled"), [("/a/machine.py", False), ("/a/machine.cpython-313.so", True)])
def test_it_is_the_file_of_a_module_that_is_compiled(
    monkeypatch: pytest.MonkeyPatch, origin: str, *, compiled: bool
) -> None:
    """An extension module in place of the source."""
    found: Any = SimpleNamespace(origin=origin)
    monkeypatch.setattr(build_kind, "find_spec", lambda _: found)
    assert build_kind.is_compiled() is compiled


def test_it_is_true_of_this_process() -> None:
    """Whichever runs the tests."""
    assert build_kind.is_compiled() is not str(machine.__file__).endswith(".py")
