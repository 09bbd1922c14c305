"""How ``extproc budget`` shows budgets, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.cli.budget_shapes import BudgetChangeJson, BudgetKeyJson, BudgetPeriodJson, BudgetStatusJson
from extproc.cli.tables import plain_text, print_table
from extproc.config.budgets import Budget
from extproc.config.route_conditions import zone_of
from extproc.domain.budget_periods import BudgetPeriod
from extproc.domain.budgets import BudgetState, BudgetUnit
from extproc.ledger.budgets import BudgetChange
from extproc.reports.units import count_in_words, gpu_hours_in_words, money_in_words

_US_PER_S = 1_000_000
_ACTS = {None: "warns only", "block": "blocks when exhausted", "downgrade": "downgrades when exhausted"}


def moment_of(at_us: int, zone: tzinfo = UTC) -> str:
    """A moment with the offset of a zone, to the second."""
    return datetime.fromtimestamp(at_us // _US_PER_S, zone).isoformat()


def period_data(period: BudgetPeriod, zone: tzinfo = UTC) -> BudgetPeriodJson:
    """A period as data."""
    return {"start": moment_of(period.start_us, zone), "end": moment_of(period.end_us, zone)}


def key_data(budget: Budget, state: BudgetState) -> BudgetKeyJson:
    """One key of a budget as data."""
    return {
        "key": state.key,
        "amount": state.amount,
        "granted": state.granted,
        "spent": state.spent,
        "left": state.left,
        "percent": state.percent,
        "reached": list(state.reached(budget.warn_at)),
        "exhausted": state.is_exhausted,
    }


def status_data(
    budget: Budget, period: BudgetPeriod, states: Iterable[BudgetState], now_us: int, until_us: int | None
) -> BudgetStatusJson:
    """A budget as data. Args: until_us: up to when GPU time is allocated, where it is of that."""
    zone = zone_of(budget.timezone)
    return {
        "name": budget.name,
        "per": budget.per,
        "of": budget.of,
        "on_exhausted": budget.on_exhausted,
        "timezone": budget.timezone,
        "period": period_data(period, zone),
        "allocated_until": None if until_us is None else moment_of(until_us, zone),
        "running": period.start_us <= now_us < period.end_us,
        "keys": [key_data(budget, state) for state in states],
    }


def change_data(change: BudgetChange) -> BudgetChangeJson:
    """A change as data."""
    return {
        "number": change.number,
        "at": moment_of(change.at_us),
        "budget": change.budget,
        "key": change.budget_key,
        "period": period_data(BudgetPeriod(change.period_start_us, change.period_end_us)),
        "kind": change.kind,
        "amount": change.amount,
        "share_percent": change.share_percent,
        "by": change.made_by,
        "note": change.note,
    }


def amount_in_words(amount: int, of: BudgetUnit) -> str:
    """An amount with its unit."""
    match of:
        case "micro_usd":
            return money_in_words(amount)
        case "tokens":
            return f"{count_in_words(amount)} tokens"
        case "gpu_seconds":
            return f"{'-' if amount < 0 else ''}{gpu_hours_in_words(abs(amount) * _US_PER_S)} GPU-hours"


def print_status(console: Console, budget: BudgetStatusJson) -> None:
    """A heading for the budget, and a line for each key."""
    act = _ACTS[budget["on_exhausted"]]
    state = "" if budget["running"] else ", not running"
    days = f"{budget['period']['start']} to {budget['period']['end']}"
    console.print(
        Text(f"{budget['name']}, per {budget['per'].replace('_', ' ')}, {act}{state}", "bold"), highlight=False
    )
    console.print(Text(f"{days} ({budget['timezone']})"), highlight=False)
    if budget["of"] == "gpu_seconds":
        until = budget["allocated_until"]
        known = f"GPU time until {until} is allocated." if until else "GPU time since yesterday is not allocated."
        console.print(Text(known), highlight=False)
    if not budget["keys"]:
        console.print("Nothing is spent.", highlight=False)
        return
    table = _table("key", *(name for name in ("limit", "spent", "left", "share", "state")))
    for key in budget["keys"]:
        limit, spent, left = (
            amount_in_words(one, budget["of"]) for one in (key["amount"] + key["granted"], key["spent"], key["left"])
        )
        reached = f"over {max(key['reached'])} %" if key["reached"] else ""
        state = "exhausted" if key["exhausted"] else reached
        table.add_row(_cell(key["key"]), limit, spent, left, f"{key['percent']} %", state)
    print_table(console, table)


def print_changes(console: Console, changes: Sequence[BudgetChangeJson], units: dict[str, BudgetUnit]) -> None:
    """A line for each change."""
    table = _table("at", "budget", "key", "change", "by", "note")
    for change in changes:
        amount = amount_in_words(change["amount"], units[change["budget"]])
        sign = "+" if change["amount"] > 0 else ""
        noted = f"{change['kind']}, {change['share_percent']} % of {amount}"
        words = f"grant {sign}{amount}" if change["kind"] == "grant" else noted
        names = (change["budget"], change["key"], words, change["by"], change["note"])
        table.add_row(change["at"].removesuffix("+00:00") + "Z", *map(_cell, names))
    print_table(console, table)


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _cell(words: str) -> Text:
    return Text(plain_text(words).replace("\n", "\u00b7") or "-")
