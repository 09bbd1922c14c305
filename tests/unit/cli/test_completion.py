"""Completion in a shell: installed and shown as the reference says, and asked as bash asks."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS
from tests.unit.cli.programs import environment

SCRIPT = "#!{python}\nfrom extproc.__main__ import main\n\nmain()\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder, and in its ``bin`` the program as an installation makes it."""
    program = tmp_path / "bin" / "extproc"
    program.parent.mkdir()
    program.write_text(SCRIPT.format(python=sys.executable))
    program.chmod(0o755)
    return tmp_path


def in_bash(home: Path, lines: str) -> subprocess.CompletedProcess[str]:
    """Lines in a bash of their own."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    variables = environment(HOME=str(home), PATH=f"{home}/bin:/usr/bin:/bin")
    return subprocess.run([bash, "--norc", "-c", lines], env=variables, capture_output=True, text=True, check=False)


def test_the_script_is_shown(home: Path) -> None:
    """For the shell that asks."""
    shown = in_bash(home, "extproc --show-completion; exit $?")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "complete -o default -F _extproc_completion extproc" in shown.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("extproc re", ["replay", "review", "report"]),
        ("extproc review s", ["show", "stats"]),
        ("extproc review list --j", ["--json"]),
        ("extproc review label 1 re", ["reject"]),
    ],
)
def test_what_was_installed_completes(home: Path, words: str, expected: list[str]) -> None:
    """A new bash reads ``.bashrc``, and its function answers."""
    installed = in_bash(home, "extproc --install-completion; exit $?")
    assert (installed.returncode, installed.stderr) == (0, "")
    last = len(words.split()) - 1
    asked = in_bash(
        home,
        f"source ~/.bashrc; COMP_WORDS=({words}); COMP_CWORD={last}; _extproc_completion extproc; "
        'printf "%s\\n" "${COMPREPLY[@]}"',
    )
    assert asked.stdout.split() == expected, asked.stderr


def test_the_reference_says_how() -> None:
    """Both options, on the page of the command line."""
    text = (DOCS / "reference" / "cli.md").read_text()
    assert "`extproc --install-completion`" in text
    assert "`extproc --show-completion`" in text
