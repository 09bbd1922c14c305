"""Every command is told its configuration in the same ways."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from extproc.cli import _app as app
from extproc.cli.which_config import VARIABLE
from tests.docs.cli_tables import commands
from tests.unit.cli.samples import SAMPLES, fill

NAMES = [name for name, made in commands() if any("--config" in param.opts for param in made.params)]
SERVED_ALONE = {"run", "serve", "health", "status", "top", "review next", "prompts test", "replay"}
"""They do not end by themselves, or need a terminal or a server."""
NEEDS_NONE = {"doctor", "size", "test", "up"}
"""An Envoy can be looked into without, and a load be sized; a file of cases may name its configuration; ``up`` writes
one.
"""
CONFIGS = {
    **{"allocate": "gpus.yaml", "calibrate": "calibrated.yaml", "savings": "gpus.yaml"},
    **{"rollout simulate": "rolling.yaml", "rollout start": "rolling.yaml"},
}
"""Of the first samples; ``config.yaml`` where it is not listed."""
TRIED = [name for name in NAMES if name not in SERVED_ALONE | NEEDS_NONE]


def arguments_of(name: str) -> list[str]:
    """Those of its first sample that do not name the configuration."""
    return [one for one in SAMPLES[name][0] if one not in ("-c", config_of(name))]


def config_of(name: str) -> str:
    """The configuration of its first sample."""
    return CONFIGS.get(name, "config.yaml")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The samples, in the current folder, and no variable."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(fill(tmp_path))
    return tmp_path


def test_all_that_read_a_configuration_take_the_option() -> None:
    """What does not is listed here. ``up`` needs none."""
    assert {name for name, _ in commands()} - set(NAMES) == {"init", "demo", "gpus"}


@pytest.mark.parametrize("name", TRIED)
def test_the_option_the_variable_and_the_default_agree(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same output for each. Each has samples of its own: what is paused cannot be paused."""
    monkeypatch.delenv(VARIABLE, raising=False)
    arguments, file = arguments_of(name), config_of(name)
    ended = []
    for how in ("option", "variable", "default"):
        monkeypatch.chdir(fill(tmp_path / how))
        if how == "default":
            Path(file).rename("llm-extproc.yaml")
        options = ["--config", file] if how == "option" else []
        variables = {VARIABLE: file} if how == "variable" else {}
        ran = CliRunner().invoke(app, [*name.split(), *arguments, *options], env=variables)
        ended.append((ran.exit_code, ran.output.partition("ok (")[2] if how != "default" else ""))
    assert ended[0] == ended[1]
    assert ended[2][0] == ended[0][0]


@pytest.mark.parametrize("name", [*TRIED, *SERVED_ALONE])
@pytest.mark.usefixtures("folder")
def test_without_one_it_says_how_to_name_it(name: str) -> None:
    """Exit 2, on standard error."""
    arguments = arguments_of(name) if name in SAMPLES else []
    result = CliRunner().invoke(app, [*name.split(), *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "Which configuration? Name it with --config FILE, or in LLM_EXTPROC_CONFIG. There is no llm-extproc.yaml in"
        " this folder; `extproc init` writes one.\n"
    )


@pytest.mark.usefixtures("folder")
def test_two_files_are_one_too_many() -> None:
    """Even if they are the same."""
    result = CliRunner().invoke(app, ["check", "config.yaml", "-c", "other.yaml"])
    assert (result.exit_code, result.stderr) == (
        2,
        "Two configuration files: config.yaml and --config other.yaml. Name one.\n",
    )


@pytest.mark.parametrize("name", ["", *(name for name, _ in commands())])
def test_h_is_help(name: str) -> None:
    """As everywhere."""
    short, long = (CliRunner().invoke(app, [*name.split(), option]) for option in ("-h", "--help"))
    assert (short.exit_code, short.stdout) == (0, long.stdout)
