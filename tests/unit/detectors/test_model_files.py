"""Model files are what the package states, or are not used; the message is for the person who must act."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from extproc.detectors.model_files import ModelFileUnusable, read_model_file
from tests.tools.models_wheel.__main__ import PACKAGE, stated_hashes
from tests.unit.model_packages import changed_package, use_no_package, use_package

HOW = "install llm_extproc_models-*.whl, which `make models` writes to dist/ (docs/weights.md)"
NAME = "minilm.onnx"


def message_of(name: str) -> str:
    """Why a file is not used."""
    with pytest.raises(ModelFileUnusable) as unusable:
        read_model_file(name)
    return str(unusable.value)


@pytest.mark.interpreted
def test_a_changed_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With both hashes, so that a person can see which file it is."""
    use_package(monkeypatch, changed_package(tmp_path, NAME))
    found = hashlib.sha256(b"other bytes").hexdigest()
    assert message_of(NAME) == (
        f"minilm.onnx of the installed llm-extproc-models has the SHA-256 {found}, not {stated_hashes()[NAME]}: "
        f"it was damaged or exchanged; {HOW}"
    )


@pytest.mark.interpreted
def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a package that was built without weights."""
    use_package(monkeypatch, changed_package(tmp_path))
    assert message_of(NAME) == f"minilm.onnx is missing from the installed llm-extproc-models: {HOW}"


@pytest.mark.interpreted
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """No index has it, so the message says where it comes from."""
    use_no_package(monkeypatch)
    assert message_of(NAME) == f"the package llm-extproc-models is not installed: {HOW}"


@pytest.mark.interpreted
def test_a_file_of_another_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the package does not state is not read, though it be there."""
    use_package(monkeypatch, changed_package(tmp_path, "later.onnx"))
    assert message_of("later.onnx") == (
        f"the installed llm-extproc-models is of another version, without later.onnx: {HOW}"
    )


def test_the_installed_files_are_what_the_sources_state() -> None:
    """All of them, where the package is installed."""
    pytest.importorskip(PACKAGE, reason="llm-extproc-models is not installed: `make test` does it")
    for name, stated in stated_hashes().items():
        assert hashlib.sha256(read_model_file(name)).hexdigest() == stated
