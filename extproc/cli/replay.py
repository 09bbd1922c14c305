"""``extproc replay``: stored requests to another version, and both answers side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from extproc.cli.chat_server import AnswerSeconds, ChatServer, JudgeModel, JudgeUrl, KeyEnv, named_server
from extproc.cli.exit_codes import ExitCode
from extproc.cli.output import AsJson, print_json, refuse, refuse_configuration, said
from extproc.cli.progress import progress
from extproc.cli.replay_output import ReplayResult, print_replay, replay_data
from extproc.cli.replay_run import PairJudge, ReplaySide, judge_all, replay_all
from extproc.cli.tables import result_console
from extproc.cli.which_config import ConfigOption, config_file
from extproc.config.document import Document
from extproc.config.problems import ConfigInvalid, did_you_mean
from extproc.dryrun.pair_judge import RUBRIC_CHARS_MAX
from extproc.dryrun.replayed import ReplayedVersion, StoredRequest, StoredRequests, read_stored, request_of_finding
from extproc.server.operations.config_files import ConfigFiles, read_config

REVIEW = "review"
_BYTES_MAX = 256 << 20

app = typer.Typer(add_completion=False)


@app.command("replay")
def replay_command(
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="review|FILE",
            help="Findings of the review queue, or JSON Lines: chat completions, a batch, or a `review export`"
            " (required).",
            show_default=False,
        ),
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="MODEL/VERSION", help="Version to try (required).", show_default=False)
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="Version of the model to compare with; default: that with the largest weight.",
            show_default=False,
        ),
    ] = None,
    rubric: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What a good answer is: a judge compares both by it.", show_default=False),
    ] = None,
    judge_url: JudgeUrl = None,
    judge_model: JudgeModel = None,
    judge_key_env: KeyEnv = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many requests at most.")] = 50,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=256, help="Requests at once.")] = 4,
    timeout: AnswerSeconds = 60.0,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Send stored requests to another version, and compare the answers.

    Requests go straight to the model servers, with the prompt of each version, and through the guards.
    Exit 1: an answer is missing. Exit 2: a file or an argument is unusable.
    """
    file = config_file(config)
    try:
        with progress(f"Reading {file}"):
            files = read_config(file)
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
    if source is None:
        refuse("Which requests? Name them with --from review, or --from FILE (JSON Lines)")
    if against is None:
        refuse("Which version? Name it with --against MODEL/VERSION")
    names = _versions(files.loaded.document, against, base)
    judge = _judge(rubric, judge_url, judge_model, judge_key_env, timeout)
    sides = _side(files, *names[0], timeout), _side(files, *names[1], timeout)
    stored = _of_review(file, files.loaded.document, limit) if source == REVIEW else _of_file(Path(source))
    requests = stored.requests[:limit]
    if not requests:
        refuse(f"{source} has no request to send: {stored.left_out} left out.")
    pairs = replay_all(requests, sides, jobs)
    judged = [] if judge is None else judge_all(requests, pairs, judge, jobs)
    replay = ReplayResult(sides[0].version.name, sides[1].version.name, requests, pairs, stored.left_out, judged)
    if as_json:
        print_json(replay_data(replay))
    else:
        print_replay(result_console(), replay)
    raise typer.Exit(ExitCode.OK if replay.ok else ExitCode.FAILED)


def _versions(document: Document, against: str, base: str | None) -> tuple[tuple[str, str], tuple[str, str]]:
    """Model and version of both; another name ends the command."""
    model, _, version = against.partition("/")
    found = document.models.get(model)
    if found is None or version not in found.versions:
        known = [f"{name}/{one}" for name, section in document.models.items() for one in section.versions]
        refuse(f"There is no version {against}. {did_you_mean(against, known) or 'There are: ' + ', '.join(known)}")
    others = {name: one.weight for name, one in found.versions.items() if name != version}
    if base is None:
        if not others:
            refuse(f"{against} is the only version of {model}: there is none to compare with.")
        base = max(others, key=lambda name: others[name])
    elif base.removeprefix(f"{model}/") not in others:
        refuse(f"--base: {model} has no other version {base}. Its others: {', '.join(others) or 'none'}")
    return (model, base.removeprefix(f"{model}/")), (model, version)


def _side(files: ConfigFiles, model: str, version: str, timeout_s: float) -> ReplaySide:
    replayed = ReplayedVersion(files.loaded.document, model, version, files.prompts, files.mask_keys)
    if not replayed.terms.endpoints:
        refuse(f"{replayed.name} has no endpoints: only servers of your own are asked.")
    return ReplaySide(replayed, ChatServer(f"http://{replayed.terms.endpoints[0]}", timeout_s))


def _judge(
    rubric: Path | None, url: str | None, model: str | None, variable: str | None, timeout_s: float
) -> PairJudge | None:
    server = named_server(url, variable, timeout_s, "--judge-url", "--judge-key-env")
    if rubric is None and server is None and model is None:
        return None
    if rubric is None or server is None or model is None:
        refuse("--rubric, --judge-url and --judge-model go together.")
    try:
        text = rubric.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        refuse(f"{said(error)}." if isinstance(error, OSError) else f"{rubric} is not UTF-8 text.")
    if not 0 < len(text.strip()) <= RUBRIC_CHARS_MAX:
        refuse(f"{rubric}: a rubric has 1 to {RUBRIC_CHARS_MAX} characters.")
    return PairJudge(server, model, text)


def _of_file(file: Path) -> StoredRequests:
    try:
        with file.open("rb") as opened:
            content = opened.read(_BYTES_MAX + 1)
    except OSError as error:
        refuse(f"{said(error)}.")
    if len(content) > _BYTES_MAX:
        refuse(f"{file} has more than {_BYTES_MAX >> 20} MiB; split it.")
    try:
        return read_stored(content)
    except ValueError as invalid:
        refuse(f"{file}: {invalid}.")


def _of_review(config: Path, document: Document, limit: int) -> StoredRequests:
    """The newest findings in requests whose texts were kept, one of each exchange."""
    if document.review is not None and document.review.texts == "none":
        refuse("The review queue keeps no texts (review.texts: none), so there is nothing to send.")
    from extproc.cli.review_store import opened
    from extproc.sinks.review.entries import FindingQuery

    found: dict[str, StoredRequest] = {}
    left_out = 0
    with progress("Reading the findings"), opened(config, FindingQuery()) as store:
        for stored in store.find(FindingQuery(), limit * 2):
            request = request_of_finding(f"finding {stored.id}", stored.entry.excerpt, stored.entry.direction)
            if request is None:
                left_out += 1
            else:
                found.setdefault(stored.entry.exchange, request)
    return StoredRequests(tuple(found.values()), left_out)
