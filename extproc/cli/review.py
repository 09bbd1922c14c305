"""``extproc review list | show | label | next | import | export | stats | what-if``: label findings.

The database library is imported only by these commands; the others do not need it.
"""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from extproc.cli.output import AsJson, print_json, refuse, said
from extproc.cli.progress import progress
from extproc.cli.review_import import FILE_BYTES_MAX, NOTE_CHARS_MAX, FileInvalid, LabelFile, read_labels
from extproc.cli.review_output import (
    exported,
    finding_data,
    findings_data,
    imported_data,
    labeled_data,
    print_finding,
    print_findings,
    print_imported,
    print_reviewed,
    print_stats,
    reviewed_data,
    stats_data,
)
from extproc.cli.review_store import (
    By,
    GuardOption,
    ModelVersion,
    Since,
    Team,
    now_ms,
    opened,
    refuse_use,
    reviewer,
    since_ms,
)
from extproc.cli.review_what_if import print_what_if, threshold_of, what_if_data
from extproc.cli.signals import unwound_by_signals
from extproc.cli.tables import result_console
from extproc.cli.which_config import ConfigOption, config_file
from extproc.server.operations.config_files import read_config
from extproc.sinks.review.entries import FindingQuery, ImportCounts, Label, ReviewLabel
from extproc.sinks.review.what_if import what_if

Number = Annotated[
    int,
    typer.Argument(min=1, max=2**63 - 1, help="The number of the finding, as `list` shows it.", show_default=False),
]


def _verdicts(incomplete: str) -> list[str]:
    """What may follow numbers. Completion asks for the argument that takes several, and never for the next one."""
    return [verdict.value for verdict in ReviewLabel if verdict.value.startswith(incomplete)]


Numbers = Annotated[
    list[int],
    typer.Argument(
        min=1,
        max=2**63 - 1,
        help="The numbers of findings, as `list` shows them.",
        show_default=False,
        autocompletion=_verdicts,
    ),
]

app = typer.Typer(
    name="review",
    add_completion=False,
    help=(
        "Inspect findings and label them as right or wrong. Exit 2: bad configuration or argument; 5: the store fails."
    ),
    no_args_is_help=True,
)


@app.command("list")
def list_command(
    guard: GuardOption = None,
    team: Team = None,
    version: ModelVersion = None,
    since: Since = None,
    exchange: Annotated[
        str | None, typer.Option(help="Only findings of the answer with this x-llm-exchange-id.")
    ] = None,
    unlabelled: Annotated[bool, typer.Option("--unlabelled", help="Only findings without a label.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of findings.")] = 50,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """List findings, the newest first, a line each."""
    wanted = FindingQuery(guard, team, version, False if unlabelled else None, since_ms(since), exchange)
    with progress("Reading the findings"), opened(config_file(config), wanted) as store:
        found = store.find(wanted, limit)
    if as_json:
        print_json(findings_data(found))
    elif not found:
        typer.echo("No finding matches.", err=True)
    else:
        print_findings(result_console(), found)


@app.command("show")
def show_command(number: Number, config: ConfigOption = None, as_json: AsJson = False) -> None:
    """Show one finding with all its fields and labels."""
    with progress("Reading the finding"), opened(config_file(config)) as store:
        stored, said = store.get(number)
    if as_json:
        print_json(finding_data(stored, said))
    else:
        print_finding(result_console(), stored, said)


@app.command("label")
def label_command(
    numbers: Numbers,
    verdict: Annotated[ReviewLabel, typer.Argument(help="Label: was the guard right?", show_default=False)],
    by: By = None,
    note: Annotated[str, typer.Option(help="Reason.")] = "",
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Label findings as right or wrong, all or none. The last label counts; earlier ones are kept."""
    if len(note) > NOTE_CHARS_MAX:
        refuse_use(f"a note has at most {NOTE_CHARS_MAX} characters")
    label, several = Label(verdict, reviewer(by), now_ms(), note), list(dict.fromkeys(numbers))
    with progress("Storing the label"), opened(config_file(config), stores=True) as store:
        store.label_all(dict.fromkeys(several, label))
    if as_json:
        print_json(labeled_data(several, label))
        return
    for number in several:
        typer.echo(f"finding {number}: {verdict.value}, by {label.by}")


@app.command("next")
def next_command(
    guard: GuardOption = None,
    team: Team = None,
    version: ModelVersion = None,
    since: Since = None,
    newest: Annotated[bool, typer.Option("--newest", help="The newest first; default: a random order.")] = False,
    by: By = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Go through the findings without a label, one key each: right, wrong, skip, note, undo, quit."""
    file = config_file(config)
    if not sys.stdin.isatty():
        refuse_use(
            "`next` reads keys, and standard input is no terminal. Label by number (`extproc review label 3 4 7"
            " confirm`) or from a file (`extproc review import FILE`)"
        )
    from extproc.cli.review_keys import Keys
    from extproc.cli.review_next import Reviewer

    wanted = FindingQuery(guard, team, version, False, since_ms(since))
    with opened(file, wanted) as store:
        numbers = store.numbers(wanted)
        if newest:
            numbers.reverse()
        else:
            random.shuffle(numbers)
        with unwound_by_signals(), Keys() as keys:
            asked = Reviewer(store, reviewer(by), numbers, keys, Console(stderr=True), NOTE_CHARS_MAX)
            asked.run()
        done = reviewed_data(asked.labeled, asked.skipped, len(store.numbers(wanted)))
    if as_json:
        print_json(done)
    else:
        print_reviewed(done)


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="JSON Lines as `export` writes them, or CSV; `-`: standard input.")],
    by: By = None,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Skip findings that are not in the store; default: import nothing.")
    ] = False,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Add the labels of a file, all or none. A label that a finding has already is not added again."""
    with progress("Importing the labels"):
        name = "standard input" if str(file) == "-" else str(file)
        try:
            labels = read_labels(_content(file), name, reviewer(by), now_ms())
        except (FileInvalid, OSError) as unusable:
            refuse(*(unusable.problems if isinstance(unusable, FileInvalid) else [said(unusable)]))
        counts, absent = _imported(config_file(config), labels, name, skip_missing)
    done = imported_data(counts, absent, labels.unlabeled)
    if as_json:
        print_json(done)
    else:
        print_imported(done)


@app.command("export")
def export_command(
    guard: GuardOption = None,
    team: Team = None,
    version: ModelVersion = None,
    since: Since = None,
    unlabelled: Annotated[
        bool, typer.Option("--with-unlabelled", help="Include findings without a label; their label is null.")
    ] = False,
    as_tests: Annotated[
        bool, typer.Option("--as-tests", help="Write labeled findings as cases for `extproc test` instead.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Write findings as JSON Lines, the oldest first: text, label (1: right, 0: a false alarm), spans and the rest."""
    if as_tests:
        _export_cases(FindingQuery(guard, team, version, True, since_ms(since)), config_file(config))
        return
    wanted = FindingQuery(guard, team, version, None if unlabelled else True, since_ms(since))
    lines = sys.stdout.buffer
    with progress("Exporting") as line, opened(config_file(config), wanted) as store:
        for count, (stored, label) in enumerate(store.find_all(wanted), start=1):
            lines.write(orjson.dumps(exported(stored, label), option=orjson.OPT_APPEND_NEWLINE))
            line.say(f"Exporting: {count} findings")


def _export_cases(wanted: FindingQuery, config: Path) -> None:
    from extproc.cli.review_cases import cases_of

    with progress("Exporting"), opened(config, wanted) as store:
        made = cases_of(store.find_all(wanted), read_config(config).loaded.document.identity.team_header)
    sys.stdout.write(made.text)
    if made.left_out:
        said = "their excerpt is masked, or was not kept"
        typer.echo(f"{made.left_out} labeled findings cannot be tried again: {said}.", err=True)


@app.command("stats")
def stats_command(config: ConfigOption = None, as_json: AsJson = False) -> None:
    """Show each guard's precision, with its 95 % confidence interval."""
    with progress("Counting the labels"), opened(config_file(config)) as store:
        counted = store.counts()
    if as_json:
        print_json(stats_data(counted))
    else:
        print_stats(result_console(), counted)


@app.command("what-if")
def what_if_command(
    thresholds: Annotated[
        list[str],
        typer.Argument(metavar="GUARD=THRESHOLD...", help="Thresholds to try, such as harm=0.7.", show_default=False),
    ],
    team: Team = None,
    version: ModelVersion = None,
    since: Since = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Show what a higher threshold would have kept and lost of the findings, by their labels."""
    wanted = FindingQuery(None, team, version, None, since_ms(since))
    try:
        tried = [(replace(wanted, guard=guard), threshold) for guard, threshold in map(threshold_of, thresholds)]
    except ValueError as wrong:
        refuse_use(str(wrong))
    with progress("Counting the labels"), opened(config_file(config), *(query for query, _ in tried)) as store:
        effects = [what_if(str(query.guard), threshold, store.scores(query)) for query, threshold in tried]
    if as_json:
        print_json(what_if_data(effects))
    else:
        print_what_if(result_console(), effects)


# --- files of labels -----------------------------------------------------------------------------------------------


def _content(file: Path) -> bytes:
    """Raises: OSError."""
    if str(file) == "-":
        return sys.stdin.buffer.read(FILE_BYTES_MAX + 1)
    with file.open("rb") as opened_file:
        return opened_file.read(FILE_BYTES_MAX + 1)


def _imported(config: Path, labels: LabelFile, name: str, skip_missing: bool) -> tuple[ImportCounts, int]:
    """What was added, and how many findings are not there and were skipped."""
    lines = {one.number: one.line for one in labels.labels}

    def missing(number: int) -> str:
        return f"{number} ({name}:{lines[number]})"

    with opened(config, missing=missing, stores=True) as store:
        from extproc.sinks.review.imports import OtherFinding

        wanted = labels.labels
        if skip_missing:
            there = set(store.numbers(FindingQuery()))
            wanted = [one for one in wanted if one.number in there]
        try:
            return store.import_labels(wanted), len(labels.labels) - len(wanted)
        except OtherFinding as other:
            refuse(f"{name}:{other.line}: {other}. Are these labels of another store? Nothing was stored.")
