"""What tests of several folders share, made when it is first needed; and what of them a compiled build cannot run."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from importlib import import_module
from typing import Any, Final

import pytest

from extproc.server.operations.build_kind import is_compiled
from tests.unit.databases import Server, running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One PostgreSQL server for all tests."""
    with running() as server:
        yield server


_NO_HEIR: Final = "interpreted classes cannot inherit from compiled"
"""What mypyc says of a test's class below one of ours. Ours are compiled together, so nothing else is."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what only interpreted code can be asked."""
    for item in items if is_compiled() else ():
        if item.get_closest_marker("interpreted"):
            item.add_marker(pytest.mark.skip(reason="of interpreted code: this is a compiled build"))


@pytest.fixture(autouse=is_compiled(), scope="session")
def nothing_compiled_is_replaced() -> Iterator[None]:
    """A test that replaces a name of a compiled module is left out: the code there does not look it up."""
    replace = pytest.MonkeyPatch.setattr

    def replace_or_skip(patch: pytest.MonkeyPatch, target: Any, *arguments: Any, **named: Any) -> None:
        module = import_module(target.rpartition(".")[0]) if isinstance(target, str) else target
        if str(getattr(module, "__file__", "")).endswith(".so"):
            pytest.skip("replaces a name of a compiled module")
        replace(patch, target, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        replace(patch, pytest.MonkeyPatch, "setattr", replace_or_skip)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """A test that inherits from a compiled class says so only when it runs."""
    try:
        return (yield)
    except TypeError as error:
        if is_compiled() and str(error) == _NO_HEIR:
            pytest.skip(f"{_NO_HEIR} ones")
        raise
