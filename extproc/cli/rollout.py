"""``extproc rollout``: start, watch and change rollouts, and recompute what they decided.

The database library and numpy are imported only when one of its commands runs.
"""

from __future__ import annotations

import getpass
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from extproc.cli.exit_codes import ExitCode
from extproc.cli.ledger_opened import config_with_ledger, opened_ledger
from extproc.cli.output import AsJson, print_json, refuse
from extproc.cli.progress import progress
from extproc.cli.rollout_named import TEXT_CHARS_MAX, Named, found_rollout, now_us
from extproc.cli.rollout_plan import (
    AlphaOption,
    AnswersOption,
    FromOption,
    GivenPlan,
    MinutesOption,
    ModelArgument,
    StepsOption,
    ToOption,
    plan_of,
)
from extproc.cli.rollout_report import rollout_report_command
from extproc.cli.rollout_simulate import rollout_simulate_command
from extproc.cli.rollout_watch import rollout_watch_command
from extproc.cli.which_config import ConfigOption, config_file

if TYPE_CHECKING:
    from extproc.ledger.rollouts.states import RolloutState

_ID_BYTES: Final = 6

app = typer.Typer(
    name="rollout",
    add_completion=False,
    help=(
        "Roll out a version of a model in steps, by evidence. Exit 2: bad configuration or argument; 5: the store"
        " fails."
    ),
    no_args_is_help=True,
)

MadeBy = Annotated[str | None, typer.Option(help="Who does it; default: the user that runs the command.")]
Note = Annotated[str, typer.Option(help="The reason; the journal keeps it.")]


@app.command("start")
def start_command(
    model: ModelArgument,
    to: ToOption,
    from_: FromOption = None,
    steps: StepsOption = None,
    minutes: MinutesOption = None,
    answers: AnswersOption = None,
    alpha: AlphaOption = None,
    name: Annotated[str | None, typer.Option(help="Name of the rollout; default: MODEL-VERSION.")] = None,
    by: MadeBy = None,
    note: Note = "",
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Start a rollout at its first share. One of `rollouts:` with this model and canary is started by its own plan."""
    kept = config_with_ledger(config_file(config))
    who = _who(by, note)
    from extproc.ledger.rollouts.settings import RolloutSettings
    from extproc.ledger.rollouts.states import RolloutRefused, new_rollout
    from extproc.server.operations.config_files import read_config

    files = read_config(config_file(config))
    settings = RolloutSettings.of_document(files.loaded.document, files.prompts, kept.folder)
    plan = plan_of(kept, GivenPlan(model, to, from_, steps, minutes, answers, alpha, name))
    arms = settings.arms(plan)
    assert arms is not None, "the plan was checked"
    with progress("Storing the rollout"), opened_ledger(kept) as store:
        try:
            with store.writing() as connection:
                state = new_rollout(connection, plan, arms, secrets.token_hex(_ID_BYTES), who, now_us(), note)
        except RolloutRefused as refused:
            refuse(f"extproc rollout: {refused}")
    _print_changed(state, as_json, f"{state.name} began: {plan.steps[0].percent} % of {model} go to {to}.")


@app.command("status")
def status_command(
    rollout: Annotated[
        str | None, typer.Argument(metavar="ROLLOUT", help="Only this one: name, id or model.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Show each model's last rollout: its share, its gates, and what it waits for."""
    kept = config_with_ledger(config_file(config))
    from extproc.cli.rollout_output import moment_of, print_status, status_data
    from extproc.cli.tables import result_console
    from extproc.domain.rollouts import OPEN
    from extproc.ledger.rollouts.read_sums import read_look
    from extproc.ledger.rollouts.states import last_rollouts
    from extproc.ledger.rollouts.traffic_seen import traffic_seen
    from extproc.rollout.decide import decide

    at_us, found = now_us(), []
    with progress("Reading the ledger"), opened_ledger(kept) as store, store.reading() as connection:
        states = last_rollouts(connection) if rollout is None else [found_rollout(connection, rollout)]
        seen = traffic_seen(connection)
        for state in states:
            look = read_look(connection, state, at_us) if state.phase in OPEN else None
            verdict = None if look is None else decide(state.terms, look)
            found.append(status_data(state, look, verdict, seen.get(state.id)))
    if as_json:
        print_json({"at": moment_of(at_us), "rollouts": found})
    elif not found:
        typer.echo("Nothing was rolled out. `extproc rollout start MODEL --to VERSION` begins.", err=True)
    else:
        console = result_console()
        for place, one in enumerate(found):
            if place:
                typer.echo()
            print_status(console, one)


app.command("watch")(rollout_watch_command)
app.command("report")(rollout_report_command)
app.command("simulate")(rollout_simulate_command)


@app.command("pause")
def pause_command(
    rollout: Named, by: MadeBy = None, note: Note = "", config: ConfigOption = None, as_json: AsJson = False
) -> None:
    """Keep the share as it is. Evidence is added, and nothing is decided."""
    _change(rollout, "paused", by, note, config, as_json)


@app.command("resume")
def resume_command(
    rollout: Named, by: MadeBy = None, note: Note = "", config: ConfigOption = None, as_json: AsJson = False
) -> None:
    """Let evidence decide again."""
    _change(rollout, "resumed", by, note, config, as_json)


@app.command("promote")
def promote_command(
    rollout: Named, by: MadeBy = None, note: Note = "", config: ConfigOption = None, as_json: AsJson = False
) -> None:
    """Send everything to the canary, whatever the evidence says."""
    _change(rollout, "promoted", by, note, config, as_json)


@app.command("rollback")
def rollback_command(
    rollout: Named, by: MadeBy = None, note: Note = "", config: ConfigOption = None, as_json: AsJson = False
) -> None:
    """Send everything to the stable version, whatever the evidence says."""
    _change(rollout, "rolled_back", by, note, config, as_json)


@app.command("history")
def history_command(rollout: Named, config: ConfigOption = None, as_json: AsJson = False) -> None:
    """List the journal of a rollout, the oldest entry first."""
    kept = config_with_ledger(config_file(config))
    from extproc.cli.rollout_output import history_data, print_history
    from extproc.cli.tables import result_console
    from extproc.ledger.rollouts.states import journal_of

    with progress("Reading the journal"), opened_ledger(kept) as store, store.reading() as connection:
        state = found_rollout(connection, rollout)
        data = history_data(state, journal_of(connection, state.id))
    if as_json:
        print_json(data)
    else:
        print_history(result_console(), data)


@app.command("explain")
def explain_command(rollout: Named, config: ConfigOption = None, as_json: AsJson = False) -> None:
    """Recompute every decision from the journal alone. Exit 1: one does not follow, or the journal was changed."""
    kept = config_with_ledger(config_file(config))
    from extproc.cli.rollout_output import explained_data, print_explained
    from extproc.cli.tables import result_console
    from extproc.ledger.rollouts.states import journal_of
    from extproc.rollout.explain import explain

    with progress("Recomputing decisions"), opened_ledger(kept) as store:
        with store.reading() as connection:
            state = found_rollout(connection, rollout)
            entries = journal_of(connection, state.id)
        explained = explain(state.id, entries)
    data = explained_data(state, explained)
    if as_json:
        print_json(data)
    else:
        print_explained(result_console(), data)
    if not explained.agrees:
        raise typer.Exit(ExitCode.FAILED)


def _change(name: str, kind: str, by: str | None, note: str, config: Path | None, as_json: bool) -> None:
    kept = config_with_ledger(config_file(config))
    who = _who(by, note)
    from extproc.ledger.rollouts.by_hand import change_by_hand
    from extproc.ledger.rollouts.states import RolloutChanged, RolloutRefused
    from extproc.rollout.journal import JournalKind

    with progress("Storing the change"), opened_ledger(kept) as store:
        while True:
            try:
                with store.writing() as connection:
                    before = found_rollout(connection, name)
                    state = change_by_hand(connection, before, JournalKind(kind), who, note, now_us())
                break
            except RolloutChanged:  # the server was faster: a person's word is the last one
                continue
            except RolloutRefused as refused:
                refuse(f"extproc rollout: {refused}")
    _print_changed(state, as_json, f"{state.name} is {state.phase.value.replace('_', ' ')}: {state.share:.0%} canary.")


def _print_changed(state: RolloutState, as_json: bool, said: str) -> None:
    from extproc.cli.rollout_output import rollout_data

    if as_json:
        print_json({"rollout": rollout_data(state)})
    else:
        typer.echo(said)


# --- what is given on the command line -----------------------------------------------------------------------------


def _who(by: str | None, note: str) -> str:
    who = by if by is not None else getpass.getuser()
    if not 0 < len(who) <= TEXT_CHARS_MAX or len(note) > TEXT_CHARS_MAX:
        refuse(f"extproc rollout: a name has 1 to {TEXT_CHARS_MAX} characters, a note at most {TEXT_CHARS_MAX}")
    return who
