"""``extproc budget``: what is left of budgets, grants, and their history.

The database library is imported only when one of its commands runs.
"""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from extproc.cli.ledger_opened import LedgerConfig, config_with_ledger, opened_ledger
from extproc.cli.output import AsJson, print_json, refuse
from extproc.cli.progress import progress
from extproc.cli.which_config import ConfigArgument, ConfigOption, config_file
from extproc.config.problems import did_you_mean, names
from extproc.domain.budgets import BUDGET_MAX

if TYPE_CHECKING:
    from extproc.config.budgets import Budget
    from extproc.config.document import Document

_TEXT_CHARS_MAX: Final = 200
_KEY_CHARS_MAX: Final = 100

app = typer.Typer(
    name="budget",
    add_completion=False,
    help=(
        "Show what is left of budgets, grant more, and list what was granted. Exit 2: bad configuration or argument;"
        " 5: the store fails."
    ),
    no_args_is_help=True,
)


@app.command("status")
def status_command(file: ConfigArgument = None, config: ConfigOption = None, as_json: AsJson = False) -> None:
    """Show each budget's period, and what each team, project or budget code has left."""
    named = config_file(config, file)
    kept = _config_with_budgets(named)
    from extproc.cli.budget_output import moment_of, print_status, status_data
    from extproc.cli.tables import result_console
    from extproc.ledger.allocation.used_time import allocated_until_us
    from extproc.ledger.budgets import states_of

    now_us, found = _now_us(), []
    with (
        progress("Reading the ledger"),
        opened_ledger(kept) as store,
        store.reading() as connection,
    ):
        for budget in kept.document.budgets:
            period = budget.period_at(now_us)
            states = states_of(connection, budget, period)
            until_us = allocated_until_us(connection, now_us) if budget.of == "gpu_seconds" else None
            found.append(status_data(budget, period, states, now_us, until_us))
    if as_json:
        print_json({"at": moment_of(now_us), "budgets": found})
        return
    console = result_console()
    for place, one in enumerate(found):
        if place:
            typer.echo()
        print_status(console, one)


@app.command("grant")
def grant_command(
    name: Annotated[str, typer.Argument(metavar="BUDGET", help="The budget.", show_default=False)],
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="The team, project or budget code that gets it.", show_default=False)
    ],
    amount: Annotated[
        int,
        typer.Option(min=-BUDGET_MAX, max=BUDGET_MAX, help="How much more, in the unit of the budget; below 0: less."),
    ],
    note: Annotated[str, typer.Option(help="Reason.")] = "",
    by: Annotated[str | None, typer.Option(help="Who grants; default: the user that runs the command.")] = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Grant more of a budget for its current period, or take some back. Earlier grants are kept."""
    named = config_file(config)
    who = by if by is not None else getpass.getuser()
    if not 0 < len(who) <= _TEXT_CHARS_MAX or len(note) > _TEXT_CHARS_MAX:
        refuse(f"extproc budget: a name has 1 to {_TEXT_CHARS_MAX} characters, a note at most {_TEXT_CHARS_MAX}")
    if amount == 0:
        refuse("extproc budget: --amount 0 changes nothing; write how much more, or below 0 how much less")
    kept = _config_with_budgets(named)
    budget, now_us = _budget_named(name, kept.document), _now_us()
    _check_key(budget, key, kept.document)
    period = budget.period_at(now_us)
    from extproc.cli.budget_output import amount_in_words, key_data, moment_of, period_data
    from extproc.config.route_conditions import zone_of
    from extproc.ledger.budgets import BudgetChange, GrantRefused, grant

    if now_us >= period.end_us:
        refuse(f"extproc budget: {name} is over since {moment_of(period.end_us, zone_of(budget.timezone))}")
    change = BudgetChange(
        at_us=now_us,
        budget=budget.name,
        budget_key=key,
        period_start_us=period.start_us,
        period_end_us=period.end_us,
        kind="grant",
        amount=amount,
        made_by=who,
        note=note,
    )
    with progress("Storing the grant"), opened_ledger(kept) as store:
        try:
            with store.writing() as connection:
                state = grant(connection, budget, change)
        except GrantRefused as refused:
            refuse(f"extproc budget: {refused}")
    if as_json:
        data = {"budget": name, "granted": amount, "period": period_data(period, zone_of(budget.timezone))}
        print_json(data | {"state": key_data(budget, state)})
        return
    limit, left = amount_in_words(state.limit, budget.of), amount_in_words(state.left, budget.of)
    until = moment_of(period.end_us, zone_of(budget.timezone))
    typer.echo(f"{name}: {key} has {limit} until {until}, of which {left} are left.")


@app.command("history")
def history_command(
    name: Annotated[
        str | None, typer.Argument(metavar="BUDGET", help="Only of this budget.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """List all grants, and when shares were spent, the oldest first."""
    named = config_file(config)
    kept = _config_with_budgets(named)
    budgets = kept.document.budgets if name is None else (_budget_named(name, kept.document),)
    from extproc.cli.budget_output import change_data, print_changes
    from extproc.cli.tables import result_console
    from extproc.ledger.budgets import changes_of

    with (
        progress("Reading the history"),
        opened_ledger(kept) as store,
        store.reading() as connection,
    ):
        changes = [change_data(one) for one in changes_of(connection, [one.name for one in budgets])]
    if as_json:
        print_json({"changes": changes})
    elif not changes:
        typer.echo("Nothing was granted, and no share was spent.", err=True)
    else:
        print_changes(result_console(), changes, {one.name: one.of for one in budgets})


# --- what is given on the command line -----------------------------------------------------------------------------


def _config_with_budgets(config: Path) -> LedgerConfig:
    kept = config_with_ledger(config)
    if not kept.document.budgets:
        refuse(f"{config} has no `budgets:` section")
    return kept


def _budget_named(name: str, document: Document) -> Budget:
    known = {one.name: one for one in document.budgets}
    if name not in known:
        hint = did_you_mean(name, list(known)) or f"There are: {names(list(known))}."
        refuse(f"There is no budget {name[:_KEY_CHARS_MAX]}. {hint}")
    return known[name]


def _check_key(budget: Budget, key: str, document: Document) -> None:
    """Refuse a grant for a key that the budget never has."""
    noun = budget.per.replace("_", " ")
    if not 0 < len(key) <= _KEY_CHARS_MAX:
        refuse(f"extproc budget: the name of a {noun} has 1 to {_KEY_CHARS_MAX} characters")
    known = budget.match or (document.identity.teams if budget.per == "team" else ())
    if known and key not in known:
        hint = did_you_mean(key, known) or f"There are: {names(known)}."
        refuse(f"The budget {budget.name} has no {noun} {key}. {hint}")


def _now_us() -> int:
    return time.time_ns() // 1_000
