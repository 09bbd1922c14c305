"""What the demo says at its end can be pasted, and names what there is."""

from __future__ import annotations

import ast
import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from extproc.cli import COMMANDS
from extproc.cli import _app as app
from extproc.demo.hints import MAKE, how_to_ask, how_to_report, how_to_watch, next_steps

BASE_URL = "http://127.0.0.1:10000/v1"
MODELS = ["tiny-chat", 'a "quoted" name', "it's; touch pasted #", "two\nlines"]


def part(lines: list[str], heading: str) -> str:
    """What stands under a heading, up to the next one."""
    after = lines[next(at for at, line in enumerate(lines) if line.startswith(heading)) + 2 :]
    return "\n".join(after[: after.index("")] if "" in after else after)


@pytest.mark.parametrize("model", MODELS)
def test_the_lines_for_curl_are_one_command(model: str) -> None:
    """With a body of JSON, whatever a model server calls its model: nothing of the name is run by the shell."""
    command, *arguments = shlex.split(part(how_to_ask(BASE_URL, model), "With curl"))
    assert (command, arguments[:2]) == ("curl", ["-N", f"{BASE_URL}/chat/completions"])
    body = json.loads(arguments[arguments.index("-d") + 1])
    assert (body["model"], body["stream"]) == (model, True)


@pytest.mark.parametrize("model", MODELS)
def test_the_lines_for_python_are_a_program(model: str) -> None:
    """That asks for the model."""
    program = ast.parse(part(how_to_ask(BASE_URL, model), "With Python"))
    assert model in [node.value for node in ast.walk(program) if isinstance(node, ast.Constant)]


def test_everything_fits_80_columns() -> None:
    """To be copied without what a terminal folds."""
    lines = [*how_to_ask(BASE_URL, "tiny-chat"), *next_steps()]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("by_make", [False, True])
def test_next_steps_are_called_as_the_demo_was(monkeypatch: pytest.MonkeyPatch, by_make: bool) -> None:
    """By make, or by the program; each option is one of the command."""
    monkeypatch.setenv(MAKE, "1") if by_make else monkeypatch.delenv(MAKE, raising=False)
    help_text = CliRunner().invoke(app, ["demo", "--help"], env={"COLUMNS": "100"}).output
    commands = [shlex.split(line.split("  ")[1]) for line in next_steps()]
    assert [words[:2] for words in commands[:2]] == [["make", "demo"]] * 2 or not by_make
    options = [word.removeprefix("ARGS=").split()[0] for *_, word in commands[:2]]
    assert options == ["--verbose", "--serve"]
    assert all(option in help_text for option in options)
    assert [words[1] for words in commands[2:]] == ["up", "init"]
    assert {"up", "init"} <= set(COMMANDS)


def test_the_program_is_named_as_the_shell_finds_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By its name on the path, else by its file, relative to the current folder."""
    monkeypatch.delenv(MAKE, raising=False)
    program = tmp_path / ".venv" / "bin" / "extproc"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.executable", str(program.with_name("python")))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert next_steps()[-1].split()[0] == ".venv/bin/extproc"
    monkeypatch.setenv("PATH", str(program.parent))
    assert next_steps()[-1].split()[0] == "extproc"


@pytest.mark.parametrize(("how_to", "command"), [(how_to_report, "report"), (how_to_watch, "top")])
def test_commands_are_for_the_shell(how_to: Callable[[str], str], command: str) -> None:
    """Whatever the folder is called."""
    assert command in COMMANDS
    assert shlex.split(how_to("/tmp/it's here/config.json"))[-3:] == [command, "-c", "/tmp/it's here/config.json"]
