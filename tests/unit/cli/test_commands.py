"""The command line by itself: what it says of commands, and that it imports none that is not called."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from extproc.cli import COMMANDS, command
from tests.unit.config.conftest import MINIMAL

HEAVY = ("extproc.config", "extproc.detectors", "grpc", "numpy", "pydantic", "re2", "yaml")


def extproc(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own; what it imported comes on standard error."""
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "extproc", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_of_a_command_what_it_says_itself(name: str) -> None:
    """Help does not import it to know."""
    assert command(name).help.startswith(COMMANDS[name])


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_nothing_is_imported_that_no_command_needs(arguments: list[str]) -> None:
    """``extproc --help`` took more than a second."""
    imported = {line.rpartition("|")[2].strip() for line in extproc(*arguments).stderr.splitlines()}
    assert "extproc.cli" in imported
    assert [name for name in imported if name.startswith(HEAVY)] == []


def test_the_version_is_printed() -> None:
    """As installed."""
    assert extproc("--version").stdout == f"extproc {version('llm-extproc')}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [("extproc ch", ["check"]), ("extproc check --s", ["--schema"]), ("extproc review l", ["list", "label"])],
)
def test_a_shell_completes_commands_and_their_options(words: str, expected: list[str]) -> None:
    """Those of commands that are imported when they are called too."""
    asked = {"_EXTPROC_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    program = "import sys; sys.argv = ['extproc']; from extproc.cli import main; main()"
    ran = subprocess.run([sys.executable, "-c", program], env=os.environ | asked, capture_output=True, text=True)
    assert ran.stdout.split() == expected


def test_an_unknown_command_is_an_error() -> None:
    """With the status of wrong usage."""
    ran = extproc("nope")
    assert ran.returncode == 2
    assert "No such command" in ran.stderr


@pytest.mark.parametrize("command", ["check", "versions", "init"])
def test_a_command_that_runs_no_guard_loads_none(command: str) -> None:
    """It would take longer to load them than to do its work."""
    heavy = "[name for name in ('numpy', 'extproc.exchange') if name in sys.modules]"
    code = f"import sys, extproc.cli.{command}; print({heavy})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_a_server_loads_only_what_its_configuration_needs() -> None:
    """What it imports, it holds for as long as it serves."""
    unneeded = (
        *("alembic", "grpc", "numpy", "psycopg", "redis", "rich", "sqlalchemy"),
        *("extproc.envoy_config.generate", "extproc.launch", "extproc.reports", "extproc.server.workers.supervisor"),
    )
    code = f"import sys, extproc.cli.serve; print([name for name in {unneeded} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_a_configuration_without_variables_needs_no_schema() -> None:
    """Making it takes longer than reading the file: only variables, and mistakes, need to know the place of a key."""
    code = (
        "import pydantic.json_schema as schema; schema.GenerateJsonSchema.generate = None\n"
        f"from extproc.config.load import parse_document; parse_document({MINIMAL!r}, 'x'); print('read')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "read\n"
