"""Stacks for end-to-end tests, and their logs when a test fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from extproc.demo.installation import TRANSPORT_VARIABLE, Change
from extproc.demo.processor_process import ProcessorNotReadyError
from extproc.envoy_config.envoy_process import EnvoyNotReadyError
from extproc.envoy_config.start_time import load_told
from tests.e2e.harness import Stack, require_envoy
from tests.e2e.measured import Measured
from tests.e2e.scripted_models import ScriptedModels

NOT_READY = (EnvoyNotReadyError, ProcessorNotReadyError)
SLOW_STARTS_MAX = 3
"""A machine that is too busy is told once, and not by an error of every test, each after its wait."""
SLOW_STARTS: list[str] = []
"""Tests whose processes were not ready in time."""

MakeStack = Callable[..., Stack]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where the transport is not the default one, what does not depend on it is left out."""
    if os.environ.get(TRANSPORT_VARIABLE) == "grpc":
        left_out = [item for item in items if item.get_closest_marker("once") is not None]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The demo's configuration, shared by all tests that leave it as it is."""
    require_envoy()
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="module")
def scripted() -> ScriptedModels:
    """Model servers that a file of tests tells what to answer."""
    return ScriptedModels()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, scripted: ScriptedModels, change: Change) -> Iterator[Stack]:
    """The demo with a file's own ``change`` of its configuration, in front of scripted model servers."""
    require_envoy()
    with Stack(tmp_path_factory.mktemp("shared"), models=scripted.servers, change=change) as running:
        yield running


@pytest.fixture
def models(scripted: ScriptedModels) -> ScriptedModels:
    """The model servers of the stack."""
    return scripted


@pytest.fixture
def measured(stack: Stack) -> Measured:
    """What is counted from here on."""
    return Measured(stack)


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[MakeStack]:
    """Makes stacks for one test, with the arguments of ``Stack``; they end with the test."""
    require_envoy()
    with ExitStack() as running:
        made: list[Stack] = []

        def make(**arguments: Any) -> Stack:
            directory = tmp_path / f"stack{len(made)}"
            directory.mkdir()
            made.append(Stack(directory, **arguments))
            return running.enter_context(made[-1])

        make.made = made  # type: ignore[attr-defined]
        yield make


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Adds the ends of the logs to the report of a failed test, and ends the session where nothing gets ready."""
    report = yield
    if call.excinfo is not None and call.excinfo.errisinstance(NOT_READY):
        SLOW_STARTS.append(item.nodeid)
        if len(SLOW_STARTS) >= SLOW_STARTS_MAX:
            item.session.shouldstop = f"{len(SLOW_STARTS)} starts took too long{load_told()}; the rest is not tried"
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            for each in [value] if isinstance(value, Stack) else getattr(value, "made", []):
                report.sections += [(name, text) for name, text in each.logs().items() if text]
    return report
