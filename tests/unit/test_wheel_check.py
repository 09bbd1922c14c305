"""What `make wheel-check` takes for a failure. It runs whole by hand, since it downloads what it installs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.tools.wheel_check import PROJECTS, CommandFailed, Installed, is_compiled, tried


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    """An environment in which `python` and `extproc` are what a test writes."""
    made = Installed(tmp_path, sys.executable)
    for folder in (made.bin, made.work, tmp_path / "home"):
        folder.mkdir(parents=True)
    return made


def _program(installed: Installed, name: str, script: str) -> None:
    file = installed.bin / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_a_command_that_fails_is_told_with_what_it_said(installed: Installed) -> None:
    """Both streams."""
    _program(installed, "extproc", "echo one; echo two >&2; exit 3")
    with pytest.raises(CommandFailed, match=re.compile(r"extproc check x exits 3: one\ntwo\n")):
        installed.run("extproc", "check", "x")


def test_files_in_the_home_are_a_failure(installed: Installed) -> None:
    """A container's user has no home that it may write."""
    _program(installed, "extproc", "touch $HOME/.extproc")
    with pytest.raises(CommandFailed, match=r"leaves files in the home of its user: \.extproc"):
        installed.run("extproc", "check")


def test_a_package_of_the_checkout_is_a_failure(installed: Installed) -> None:
    """Else the wheel would not have been tried."""
    _program(installed, "python", "echo /checkout/extproc/__init__.py")
    with pytest.raises(CommandFailed, match="extproc is imported from /checkout/extproc"):
        next(tried(installed))


@pytest.mark.parametrize(("said", "compiled"), [("extproc 1.0", True), ("extproc 1.0, compiled", False)])
def test_a_wheel_that_runs_otherwise_than_it_was_built_is_a_failure(
    installed: Installed, said: str, compiled: bool
) -> None:
    """Compiled modules that cannot be loaded here, or that nobody asked for."""
    _program(installed, "python", f"echo {installed.environment}/lib/extproc/__init__.py")
    _program(installed, "extproc", f"echo '{said}'")
    with pytest.raises(CommandFailed, match=f"extproc --version says {said}, of a wheel that is"):
        next(tried(installed, compiled=compiled))


def test_the_name_of_a_wheel_says_whether_it_is_compiled() -> None:
    """As pip reads it."""
    names = ("llm_extproc-0.1.0-py3-none-any.whl", "llm_extproc-0.1.0-cp313-cp313-manylinux_2_28_x86_64.whl")
    assert [is_compiled(Path(name)) for name in names] == [False, True]


def test_nothing_of_this_process_reaches_the_commands(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a path on which the checkout is."""
    monkeypatch.setenv("PYTHONPATH", "/checkout")
    _program(installed, "python", 'echo "$PYTHONPATH:$HOME"')
    assert installed.run("python") == f":{installed.environment.parent / 'home'}\n"


def test_wheels_are_built_from_files_that_are_there() -> None:
    """A file that was renamed would be missed only when somebody runs it."""
    assert [
        project / name for project, names in PROJECTS.items() for name in names if not (project / name).exists()
    ] == []
