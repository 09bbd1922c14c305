"""``extproc prompts test``: run the golden cases of prompts against a model server."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from extproc.cli.chat_server import AnswerSeconds, JudgeModel, JudgeUrl, KeyEnv, named_server
from extproc.cli.exit_codes import ExitCode
from extproc.cli.output import AsJson, print_json, refuse, refuse_configuration
from extproc.cli.prompts_read import ReadPrompts, read_prompts
from extproc.cli.prompts_testing_output import PromptTest, print_test, prompt_test_data, prompt_test_junit
from extproc.cli.prompts_testing_run import Judge, PromptJob, Tried, run_jobs
from extproc.cli.tables import result_console
from extproc.cli.which_config import ConfigOption, config_file
from extproc.config.problems import ConfigInvalid
from extproc.config.prompt_cases import PromptCase, parse_prompt_cases
from extproc.config.prompt_catalog import KnownPrompt
from extproc.config.prompt_schemas import schema_mistake
from extproc.config.yaml_nodes import CONFIG_BYTES_MAX, decode
from extproc.domain.extras import MODULES, how_to_install, missing_modules
from extproc.server.sockets.address import reason_of


def prompts_test_command(
    prompts: Annotated[
        list[str] | None, typer.Argument(help="Prompts; default: those in use that have tests.", show_default=False)
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(help="Base URL of an OpenAI-compatible model server (required).", show_default=False),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Model to ask for; default: the served model of the version that uses the prompt."),
    ] = None,
    api_key_env: KeyEnv = None,
    cases: Annotated[
        Path | None, typer.Option(help="A file with further cases, for one prompt.", show_default=False)
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="Run the cases with this version of the prompt too, and compare.",
            show_default=False,
        ),
    ] = None,
    judge_url: JudgeUrl = None,
    judge_model: JudgeModel = None,
    judge_key_env: KeyEnv = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=256, help="Cases at once.")] = 4,
    timeout: AnswerSeconds = 60.0,
    max_tokens: Annotated[int, typer.Option(min=1, max=1_000_000, help="Largest length of an answer.")] = 1_024,
    junit: Annotated[Path | None, typer.Option(help="Also write JUnit XML to this file.", show_default=False)] = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Run the golden cases of prompts against a model server: inputs, and what the answers must be.

    Exit 1: a case fails, or a server does not answer. Exit 2: a file or an argument is unusable.
    """
    read = read_prompts(config_file(config))
    server = named_server(url, api_key_env, timeout, "--url", "--api-key-env")
    if server is None:
        refuse("Which server? Name it with --url http://HOST:PORT")
    judge_server = named_server(judge_url, judge_key_env, timeout, "--judge-url", "--judge-key-env")
    if (judge_server is None) is not (judge_model is None):
        refuse("--judge-url goes with --judge-model.")
    judge = Judge(judge_server, judge_model) if judge_server is not None and judge_model is not None else None
    tested = _tested(read, prompts or [], cases)
    other = _other(read, tested, against)
    _check_schemas(tested)
    tried = Tried(server, max_tokens, judge)
    began_ns = time.perf_counter_ns()
    mine = [_job(read, prompt, case, other, model) for prompt, given in tested for case in given]
    theirs = [] if other is None else [_job(read, other, job.case, job.prompt, job.model) for job in mine]
    results = run_jobs([*mine, *theirs], tried, jobs)
    _tell(
        PromptTest(
            server.base_url,
            results[: len(mine)],
            time.perf_counter_ns() - began_ns,
            "" if other is None else other.name,
            results[len(mine) :],
        ),
        junit,
        as_json,
    )


def _tell(tested: PromptTest, junit: Path | None, as_json: bool) -> None:
    """Print the results; ends the command."""
    if as_json:
        print_json(prompt_test_data(tested))
    else:
        print_test(result_console(), tested)
    if junit is not None:
        try:
            junit.write_bytes(prompt_test_junit(tested))
        except OSError as error:
            refuse(f"cannot write {junit}: {reason_of(error)}")
    raise typer.Exit(ExitCode.OK if tested.ok else ExitCode.FAILED)


def _tested(
    read: ReadPrompts, names: Sequence[str], file: Path | None
) -> list[tuple[KnownPrompt, tuple[PromptCase, ...]]]:
    """The prompts with their cases; ends the command where there are none."""
    if file is not None and len(names) != 1:
        refuse("--cases is for one prompt: name it.")
    found = [read.usable(name) for name in dict.fromkeys(names)]
    if not names:
        found = [one for one in read.catalog.known if one.uses and one.front.tests]
        if not found:
            refuse("No prompt in use has `tests:` in its front matter. Write some, or name a prompt and --cases FILE.")
    further = _cases_in(file, found[0]) if file is not None else ()
    for one in found:
        if not (one.front.tests or further):
            refuse(f"{one.name} has no `tests:` in its front matter. Write some, or name a file: --cases FILE")
    return [(one, (*one.front.tests, *further)) for one in found]


def _cases_in(file: Path, prompt: KnownPrompt) -> tuple[PromptCase, ...]:
    try:
        content = file.read_bytes()
    except OSError as error:
        refuse(f"{file}: {reason_of(error)}")
    try:
        return parse_prompt_cases(decode(content[: CONFIG_BYTES_MAX + 1], str(file)), str(file), prompt.front.variables)
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)


def _other(
    read: ReadPrompts, tested: Sequence[tuple[KnownPrompt, tuple[PromptCase, ...]]], against: str | None
) -> KnownPrompt | None:
    """The prompt to compare with."""
    if against is None:
        return None
    if len(tested) != 1:
        refuse("--against compares one prompt: name it.")
    prompt = tested[0][0].prompt
    same_name = None if prompt.name is None else f"{prompt.name}-{against}"
    if same_name is not None and read.catalog.find(against) is None:
        return read.usable(same_name)
    return read.usable(against)


def _job(
    read: ReadPrompts, prompt: KnownPrompt, case: PromptCase, other: KnownPrompt | None, model: str | None
) -> PromptJob:
    """A case with a prompt; one that nobody uses stands where the other one does."""
    user = prompt if prompt.uses or other is None else other
    compiled = replace(prompt.compiled, position=user.compiled.position)
    version = read.version_of(user)
    if model is None and version is None:
        refuse(f"Which model? No version uses {prompt.name}; name it with --model.")
    asked = model if model is not None or version is None else version.served_model
    return PromptJob(replace(prompt, compiled=compiled), case, asked or "", read.built_in_values(user))


def _check_schemas(tested: Sequence[tuple[KnownPrompt, tuple[PromptCase, ...]]]) -> None:
    """End the command if a JSON Schema is none, or cannot be tried here."""
    with_schema = [(prompt, case) for prompt, cases in tested for case in cases if case.expect.json_schema is not None]
    if with_schema and missing_modules(MODULES["prompts"]):
        refuse(f"`json_schema` needs jsonschema, which is not installed here. {how_to_install('prompts')}")
    wrong = [
        f"{prompt.name}: tests[{case.name}].expect.json_schema: no JSON Schema: {problem}."
        for prompt, case in with_schema
        if (problem := schema_mistake(case.expect.json_schema or {}))
    ]
    if wrong:
        refuse(*wrong)
