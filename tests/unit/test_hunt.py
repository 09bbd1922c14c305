"""``make hunt``: file by file, the longest unseen first, each once on a commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.hunt import Pass, Passes, files_with_laws, hunt

LAW = """\
from hypothesis import given, strategies as st

@given(st.integers())
def test_one(number):
    assert number {claim}
"""
PROFILE = """\
from hypothesis import settings
settings.register_profile("hunt", max_examples=300)
settings.load_profile("hunt")
"""
A, B, C = (f"tests/test_{name}.py" for name in "abc")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three files with laws, the second of which does not hold, and one without."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "conftest.py").write_text(PROFILE)
    for name, claim in ((A, "== number"), (B, "< 1_000"), (C, "== number")):
        (tmp_path / name).write_text(LAW.format(claim=claim))
    (tmp_path / "tests" / "test_plain.py").write_text("def test_one():\n    pass\n")
    return tmp_path


def hunted(root: Path, commit: str = "one", minutes: float = 10) -> int:
    """How many files fail."""
    names = files_with_laws(root, ["tests"])
    assert names == [A, B, C]
    return hunt(root, Passes(root / "state" / "hunt.json"), names, commit, minutes, 1)


def test_each_file_once_on_a_commit(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What failed is run again, and its output is shown."""
    assert hunted(root) == 1
    output = capfd.readouterr().out
    assert "2 of 3 files with laws hold on this commit, 1 failed, 0 are left" in output
    assert "AssertionError" in output
    (root / B).write_text((root / A).read_text())
    assert hunted(root) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[:-1]] == [B]
    assert lines[-1] == "3 of 3 files with laws hold on this commit, 0 failed, 0 are left"
    assert hunted(root, commit="two", minutes=0) == 0
    assert capfd.readouterr().out == "0 of 3 files with laws hold on this commit, 0 failed, 3 are left\n"


def test_the_longest_unseen_first(tmp_path: Path) -> None:
    """Those that have never passed before all others; also in the next hunt."""
    passes = Passes(tmp_path / "hunt.json")
    passes.add(A, Pass("one", 20.0, 1.0))
    passes.add(C, Pass("one", 10.0, 1.0))
    again = Passes(tmp_path / "hunt.json")
    assert again.due([A, B, C], "two") == [B, C, A]
    assert again.due([A, B, C], "one") == [B]


@pytest.mark.parametrize("text", ["", "[]", '{"a": {}}', '{"a": 1}', "\x00"])
def test_a_state_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    """All files are due."""
    (tmp_path / "hunt.json").write_text(text)
    assert Passes(tmp_path / "hunt.json").due([A], "one") == [A]


def test_a_file_may_be_named(root: Path) -> None:
    """Like a folder."""
    assert files_with_laws(root, [B]) == [B]
