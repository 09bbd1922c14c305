"""The manual page is that of today's commands, and a formatter has nothing to complain of."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

import pytest

from tests.docs.cli_tables import commands
from tests.docs.man_page import MAN_PAGE, man_page


def test_it_is_that_of_todays_commands() -> None:
    """`python -m tests.docs.reference` writes it."""
    assert MAN_PAGE.read_text() == man_page()


def _shown(param: Any) -> list[str]:
    """What is typed: the names of an option, or what an argument is called in its help."""
    return [param.metavar.rstrip(".")] if param.metavar and not param.opts[0].startswith("-") else param.opts


def test_it_names_every_command_and_option() -> None:
    """As they are typed."""
    text = man_page().replace("\\-", "-")
    for name, made in commands():
        part = text.split(f".SS extproc {name}\n", 1)[1].split("\n.S", 1)[0]
        assert [opt for param in made.params if not param.hidden for opt in _shown(param) if opt not in part] == []


def test_a_formatter_reads_it() -> None:
    """Without a warning, and all of it: no line is taken for a request."""
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    command = ["groff", "-man", "-ww", "-Tascii", "-P-cbou", "-rLL=78n", str(MAN_PAGE)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"LC_ALL": "C"})
    assert shown.stderr == ""
    lines = shown.stdout.splitlines()
    assert "       extproc demo --serve" in lines
    assert any(line.split() == ["--limit", "1", "to", "10000"] for line in lines)
    assert "What `extproc init` writes" in shown.stdout
    assert max(map(len, lines)) <= 80
