"""``extproc prompts list | show | render | diff | test``: the system prompts, and what a model would get of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from extproc.cli.diffs import unit_diff
from extproc.cli.output import AsJson, print_json, refuse
from extproc.cli.prompts_output import (
    diff_data,
    list_data,
    print_diff,
    print_prompt,
    print_prompts,
    print_rendered,
    prompt_data,
    rendered_data,
)
from extproc.cli.prompts_read import read_prompts
from extproc.cli.prompts_testing import prompts_test_command
from extproc.cli.tables import result_console
from extproc.cli.which_config import ConfigOption, config_file
from extproc.config.problems import did_you_mean
from extproc.config.prompt_catalog import KnownPrompt
from extproc.config.prompt_differences import prompt_difference, prompt_differences
from extproc.config.prompt_values import filled_text, filled_variables
from extproc.config.prompt_variables import BUILT_IN

app = typer.Typer(
    name="prompts",
    add_completion=False,
    help=(
        "List, show, fill in, compare and test system prompts. A prompt is named NAME-VERSION, or by the path of its"
        " file. Exit 2: bad configuration or argument."
    ),
    no_args_is_help=True,
)

PromptArgument = Annotated[str, typer.Argument(help="NAME-VERSION, or the path of its file.", show_default=False)]


@app.command("list")
def list_command(config: ConfigOption = None, as_json: AsJson = False) -> None:
    """List the prompts that the configuration names, and those in its folder that nobody uses."""
    data = list_data(read_prompts(config_file(config)))
    if as_json:
        print_json(data)
    else:
        print_prompts(result_console(), data)


@app.command("show")
def show_command(prompt: PromptArgument, config: ConfigOption = None, as_json: AsJson = False) -> None:
    """Show one prompt: its front matter, its text, and how much of it requests share in a prefix cache."""
    data = prompt_data(read_prompts(config_file(config)).usable(prompt))
    if as_json:
        print_json(data)
    else:
        print_prompt(result_console(), data)


@app.command("render")
def render_command(
    prompt: PromptArgument,
    var: Annotated[
        list[str] | None,
        typer.Option(
            "--var", metavar="NAME=VALUE", help="Value of a variable, as a client sends it.", show_default=False
        ),
    ] = None,
    team: Annotated[str | None, typer.Option(help="Value of `team`.", show_default=False)] = None,
    project: Annotated[str | None, typer.Option(help="Value of `project`.", show_default=False)] = None,
    date: Annotated[
        str | None, typer.Option(help="Value of `date`; default: today in UTC.", show_default=False)
    ] = None,
    used_by: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="MODEL/VERSION", help="Values of `model` and `version`; default: who uses it first."
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Print a prompt as a model gets it: with its variables filled in.

    What became of a value that was replaced or cleaned stands on standard error.
    """
    read = read_prompts(config_file(config))
    found = read.usable(prompt)
    named = {"team": team, "project": project, "date": date}
    given = {
        **read.built_in_values(found, used_by),
        **{name: value for name, value in named.items() if value is not None},
        **_given(found, var or ()),
    }
    data = rendered_data(
        found, filled_variables(found.compiled, found.front.variables, given), filled_text(found.compiled, given)
    )
    if as_json:
        print_json(data)
    else:
        print_rendered(data)


@app.command("diff")
def diff_command(
    first: Annotated[
        str, typer.Argument(metavar="A", help="A prompt; alone: the newer configuration.", show_default=False)
    ],
    second: Annotated[
        str | None, typer.Argument(metavar="[B]", help="A prompt to compare A with.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Say what differs between two prompts; with `--config OLD NEW`, between all prompts of two configurations.

    Front matter by key, texts as a unified diff.
    """
    data = diff_data(
        unit_diff(
            config,
            (first, second),
            read_prompts,
            lambda old, new: prompt_differences(old.catalog.known, new.catalog.known),
            lambda read, one, other: prompt_difference(read.usable(one), read.usable(other)),
        )
    )
    if as_json:
        print_json(data)
    else:
        print_diff(result_console(), data)


app.command("test")(prompts_test_command)


def _given(prompt: KnownPrompt, written: Sequence[str]) -> dict[str, str]:
    """The values of ``--var``; one that the prompt does not have ends the command."""
    known = (*BUILT_IN, *prompt.front.variables)
    given: dict[str, str] = {}
    for one in written:
        name, equals, value = one.partition("=")
        if not equals:
            refuse(f"extproc prompts: --var {one}: write NAME=VALUE")
        if name not in known:
            hint = did_you_mean(name, known) or f"There are: {', '.join(known)}."
            refuse(f"extproc prompts: {prompt.name} has no variable {name}. {hint}")
        given[name] = value
    return given
