"""``extproc init``: what it writes is valid, also with each block that is commented out, and it overwrites nothing."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from extproc.cli.init import app, starting_configuration
from extproc.config.load import load
from extproc.demo.model_server import ModelServer
from extproc.server.sockets.free_ports import free_ports
from tests.unit.cli.programs import started

STARTING = starting_configuration("llama", "127.0.0.1:8000")
OFFERED = re.compile(r"^( *)# ((?:- |  )?[a-z_]+:.*)$")


def init(*arguments: str | Path) -> Result:
    """What the command does."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def offers() -> list[list[int]]:
    """The line numbers of each block that is commented out."""
    numbers = [number for number, line in enumerate(STARTING.split("\n")) if OFFERED.match(line)]
    blocks = [numbers[:1]]
    for before, number in pairwise(numbers):
        if number == before + 1:
            blocks[-1].append(number)
        else:
            blocks.append([number])
    return blocks


def test_it_is_valid() -> None:
    """As it is written, without a warning."""
    assert load(STARTING, "file").warnings == ()


@pytest.mark.parametrize("numbers", offers())
def test_each_block_that_is_commented_out_is_valid(numbers: list[int]) -> None:
    """Without the number sign, and nothing else changed."""
    lines = STARTING.split("\n")
    for number in numbers:
        lines[number] = OFFERED.sub(r"\1\2", lines[number])
    assert load("\n".join(lines), "file").document != load(STARTING, "file").document


def test_on_a_terminal_it_asks_for_what_is_not_given(tmp_path: Path) -> None:
    """Two questions; the model server is asked for the name of its model, and Enter takes what is proposed."""
    with ModelServer("own", speed=0) as server:
        endpoint = server.base_url.removeprefix("http://")
        with started("init", tmp_path / "new.yaml", on_terminal=True) as program:
            program.until("Where is your model server? [127.0.0.1:8000]: ")
            program.type(f"{endpoint}\r")
            program.until("Which model does it serve? [tiny-chat]: ")
            program.type("\r")
            assert program.ended() == 0
    assert (tmp_path / "new.yaml").read_text() == starting_configuration("tiny-chat", endpoint)


def test_a_server_that_is_not_there_is_no_obstacle(tmp_path: Path) -> None:
    """Its model has a name that can be changed later."""
    (port,) = free_ports(1)
    with started("init", tmp_path / "new.yaml", "--endpoint", f"127.0.0.1:{port}", on_terminal=True) as program:
        program.until("Which model does it serve? [llama]: ")
        program.type("qwen\r")
        assert program.ended() == 0
    assert (tmp_path / "new.yaml").read_text() == starting_configuration("qwen", f"127.0.0.1:{port}")


def test_every_block_is_tried() -> None:
    """The served model, signals, two guards, teams, the ledger, and the review queue."""
    assert [len(numbers) for numbers in offers()] == [1, 1, 3, 3, 2, 2]


def test_it_writes_the_file_and_says_what_follows(tmp_path: Path) -> None:
    """With the names that were given."""
    file = tmp_path / "own.yaml"
    result = init(file, "--model", "qwen/3-8b", "--endpoint", "vllm:8001")
    assert result.exit_code == 0
    assert f"extproc run {file}" in result.stdout
    model = load(file.read_text(), "file").document.models["qwen/3-8b"]
    assert list(model.versions["v1"].endpoints) == ["vllm:8001"]


def test_it_prints_it_to_a_pipe() -> None:
    """And nothing else."""
    assert init("-").stdout == STARTING


def test_it_overwrites_nothing(tmp_path: Path) -> None:
    """It says how to go on."""
    file = tmp_path / "own.yaml"
    file.write_text("mine")
    result = init(file)
    assert (result.exit_code, result.stdout, file.read_text()) == (2, "", "mine")
    assert result.stderr == f"{file} exists and is left as it is. Name another file: extproc init FILE\n"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the system's reason."""
    file = tmp_path / "none" / "own.yaml"
    result = init(file)
    assert (result.exit_code, result.stderr) == (2, f"{file} cannot be written: No such file or directory.\n")


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [("--model", 'a"b\n', "the name of a model: 1 to 128 letters"), ("--endpoint", "here", "expected HOST:PORT")],
)
def test_a_bad_value_is_refused(tmp_path: Path, option: str, value: str, expected: str) -> None:
    """As in a file, and nothing is written."""
    result = init(tmp_path / "own.yaml", option, value)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert list(tmp_path.iterdir()) == []
