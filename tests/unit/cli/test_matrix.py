"""What holds for every command: those of the registry are tried, so that a new one is held to it too."""

from __future__ import annotations

import json
import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from extproc.cli import COMMANDS
from extproc.cli import _app as app
from extproc.cli.help import EXAMPLES
from extproc.cli.shapes import SHAPES
from tests.docs.cli_tables import GROUPS, commands
from tests.docs.json_shapes import keys_of
from tests.unit.cli.programs import ESCAPE, piped
from tests.unit.cli.samples import SAMPLES, fill
from tests.unit.cli.shape_check import paths_of

LEAVES = dict(commands())
NAMES = [*LEAVES, *GROUPS]
SERVERS = {"run", "serve", "up"}
JSON_LINES = SERVERS | {"ledger export", "review export"}
"""They print JSON without asking."""
OWN_TESTS = {"demo", "prompts test", "replay", "review next", "health", "status", "top"}
"""They need a terminal, a server or much time."""
NO_DATA = {"init", "rollout report"}
"""They write a file."""
CALLS = [(name, arguments) for name, samples in SAMPLES.items() for arguments in samples]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The samples, in the current folder."""
    monkeypatch.chdir(fill(tmp_path))
    return tmp_path


def test_the_registry_is_what_is_tried() -> None:
    """A command without samples is noticed."""
    assert {name.split()[0] for name in LEAVES} == set(COMMANDS)
    assert set(SAMPLES) == set(LEAVES) - SERVERS - OWN_TESTS


# --- help and wrong usage ------------------------------------------------------------------------------------------


@cache
def help_of(name: str) -> Result:
    """What ``--help`` prints, in 80 columns."""
    return CliRunner().invoke(app, [*name.split(), "--help"], prog_name="python -m extproc", env={"COLUMNS": "80"})


@pytest.mark.parametrize("name", ["", "review", "check"])
def test_a_pipe_gets_that_help(name: str) -> None:
    """Of the whole, of a group and of a command: what the others are tried with in this process."""
    ran = piped(*name.split(), "--help", COLUMNS="80")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, help_of(name).stdout, "")


@pytest.mark.parametrize("name", ["", *NAMES])
def test_help_fits_a_terminal(name: str) -> None:
    """In 80 columns, without an escape in a pipe, and nothing on standard error."""
    ran = help_of(name)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert max(cell_len(line) for line in ran.stdout.splitlines()) <= 80
    assert ESCAPE not in ran.stdout


@pytest.mark.parametrize("name", ["", *NAMES])
def test_help_names_types_in_words(name: str) -> None:
    """No Python types, and no limits of a machine word."""
    ran = help_of(name)
    assert re.findall(r"<\w+>|list\[|range|<=|9223372036854775807", ran.stdout) == []


@pytest.mark.parametrize("name", LEAVES)
def test_help_ends_with_examples_that_parse(name: str) -> None:
    """`extproc/cli/help.py` has one for each command: its options exist, and its values have their types."""
    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "100"}).stdout
    for example in EXAMPLES[name]:
        program, *words = shlex.split(example)
        assert (program, words[: len(name.split())]) == ("extproc", name.split())
        LEAVES[name].make_context(name, words[len(name.split()) :])
        assert example in shown


def test_no_example_is_left_of_a_command_that_has_gone() -> None:
    """The examples are of the registry's commands."""
    assert set(EXAMPLES) == set(LEAVES)


@pytest.mark.parametrize("name", ["", *NAMES])
def test_a_wrong_option_is_an_error(name: str) -> None:
    """Exit 2, and it stands on standard error alone."""
    result = CliRunner().invoke(app, [*name.split(), "--no-such-option"], env={"COLUMNS": "80"})
    assert (result.exit_code, result.stdout) == (2, "")
    assert "No such option" in result.stderr
    assert ESCAPE not in result.stderr


@pytest.mark.parametrize("words", ["no-such-command", "review no-such-command"])
def test_a_wrong_command_is_an_error(words: str) -> None:
    """Exit 2, on standard error alone."""
    result = CliRunner().invoke(app, words.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert "No such command" in result.stderr


# --- pipes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "arguments"), CALLS, ids=lambda one: one if isinstance(one, str) else one[0])
@pytest.mark.usefixtures("folder")
def test_a_pipe_gets_plain_text(name: str, arguments: list[str]) -> None:
    """No escapes, no blanks at the end of lines, no line that a width of 80 has cut."""
    ran = CliRunner().invoke(app, [*name.split(), *arguments])
    assert ran.stdout or ran.stderr
    assert ESCAPE not in ran.stdout + ran.stderr
    assert [line for line in ran.stdout.splitlines() if line != line.rstrip()] == []
    assert "…" not in ran.stdout


# --- JSON ----------------------------------------------------------------------------------------------------------


def test_every_command_prints_json() -> None:
    """With ``--json``, and a documented shape."""
    asked = {name for name, made in LEAVES.items() if any("--json" in one.opts for one in made.params)}
    assert asked == set(LEAVES) - JSON_LINES - NO_DATA
    assert {name.partition(" --")[0] for name in SHAPES} == asked | JSON_LINES - SERVERS


@pytest.mark.parametrize("name", [name for name in SHAPES if name not in OWN_TESTS])
@pytest.mark.usefixtures("folder")
def test_what_is_printed_has_the_documented_shape(name: str) -> None:
    """Each key with its type, no other key, and each key is seen in one of the samples."""
    seen: set[str] = set()
    for printed in objects(name):
        seen |= paths_of(printed, SHAPES[name])
    assert seen == {key.path for key in keys_of(SHAPES[name])}


def objects(name: str) -> list[Any]:
    """What the samples of a shape print."""
    command, _, asked = name.partition(" --")
    others = {other.partition(" ")[2] for other in SHAPES if other.startswith(f"{command} --")} - {f"--{asked}"}
    option = [] if command in JSON_LINES else ["--json"]
    printed = []
    for arguments in SAMPLES[command]:
        if others.isdisjoint(arguments) and (name == command or f"--{asked}" in arguments):
            result = CliRunner().invoke(app, [*command.split(), *arguments, *option])
            assert result.stderr == ""
            printed += (
                [json.loads(line) for line in result.stdout.splitlines()]
                if command in JSON_LINES
                else [json.loads(result.stdout)]
            )
    return printed


@pytest.mark.usefixtures("folder")
def test_envoys_configuration_is_json_for_who_asks() -> None:
    """The same as the YAML."""
    asked = [CliRunner().invoke(app, ["envoy-config", "config.yaml", *more]).stdout for more in ([], ["--json"])]
    assert json.loads(asked[1]) == yaml.safe_load(asked[0])


def test_a_shape_is_compared_key_by_key() -> None:
    """A missing key, one too many, and another type are noticed, nested too."""
    good: dict[str, Any] = {"id": 1, "ids": [1], "label": {"verdict": "confirm", "by": "ann", "at_ms": 1, "note": ""}}
    shape = SHAPES["review label"]
    assert paths_of(good, shape) == {key.path for key in keys_of(shape)}
    for bad in (
        {"id": 1},
        {**good, "more": 1},
        {**good, "id": True},
        {**good, "label": {**good["label"], "verdict": "maybe"}},
        {**good, "label": {**good["label"], "at_ms": "1"}},
    ):
        with pytest.raises(AssertionError):
            paths_of(bad, shape)
