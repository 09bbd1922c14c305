"""The lock file is found by the name of its configuration; one that cannot be read is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc.cli.lock_file import lock_path, read_lock
from extproc.config.version_lock import LockInvalid, lock_text


def test_it_has_the_name_of_its_configuration() -> None:
    """Two configurations in a folder have one each."""
    assert lock_path(Path("deploy/llm-extproc.yaml")) == Path("deploy/llm-extproc.lock")


def test_it_is_read(tmp_path: Path) -> None:
    """As it was written."""
    (tmp_path / "a.lock").write_text(lock_text({"tiny/v1": {"served_model": "tiny"}}))
    assert read_lock(tmp_path / "a.lock") == {"tiny/v1": {"served_model": "tiny"}}


@pytest.mark.parametrize(
    ("name", "message"),
    [("a.lock", "does not exist. `extproc versions lock` writes it."), ("", "cannot be read: is a directory.")],
)
def test_one_that_cannot_be_read_is_an_error(tmp_path: Path, name: str, message: str) -> None:
    """Never taken for one without versions."""
    with pytest.raises(LockInvalid) as raised:
        read_lock(tmp_path / name)
    assert str(raised.value) == f"{tmp_path / name} {message}"
