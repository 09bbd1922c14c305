"""How ``extproc savings`` shows hints, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.cli.gpu_days import SettledSpan, utc_moment
from extproc.cli.savings_shapes import SavingsJson
from extproc.cli.tables import plain_text, print_line, print_table
from extproc.ledger.allocation.used_reading import UsedTime
from extproc.reports.savings import SHORT_TOKENS, Saving
from extproc.reports.units import costs_in_words, count_in_words, gpu_hours_in_words, share_in_words

SHOWN_MAX: Final = 20
_PER_MILLE: Final = 1_000


def savings_data(span: SettledSpan, used: UsedTime, found: Sequence[Saving]) -> SavingsJson:
    """All hints as data."""
    return {
        "begin": utc_moment(span.begin_us),
        "end": utc_moment(span.end_us),
        "currency": used.currency,
        "unpriced_us": used.unpriced_us,
        "hints": [
            {
                "hint": one.hint,
                "team": one.team,
                "model": one.model,
                "exchanges": one.exchanges,
                "gpu_us": one.gpu_us,
                "cost_nano": one.cost,
                "used_us": one.used_us,
                "tokens": one.tokens,
                "per_mille": one.per_mille,
                "other": one.other,
            }
            for one in found
        ],
    }


def print_savings(console: Console, span: SettledSpan, used: UsedTime, found: Sequence[Saving]) -> None:
    """A line for each of the first hints, and what they rest on."""
    heading = f"What could be saved of GPU time, {utc_moment(span.begin_us)} to {utc_moment(span.end_us)}"
    print_line(console, Text(heading, "bold"))
    if not found:
        print_line(console, Text("Nothing was found: no exchange ran, and no server idled for a whole hour."))
        return
    print_line(console, Text(""))
    print_table(console, _table(found[:SHOWN_MAX], used.currency))
    print_line(console, Text(""))
    for sentence in _notes(used, found):
        print_line(console, Text(plain_text(sentence)))


def _table(found: Sequence[Saving], currency: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("team", overflow="fold")
    table.add_column("model", overflow="fold")
    for name in ("GPU-hours", "cost", "of its use"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("hint", overflow="fold")
    for one in found:
        hours = gpu_hours_in_words(one.gpu_us) if one.gpu_us >= 0 else f"-{gpu_hours_in_words(-one.gpu_us)}"
        share = share_in_words(Fraction(max(one.gpu_us, 0), one.used_us or 1))
        names = (Text("(servers)", "dim"), "") if one.hint == "idle_hours" else (_name(one.team), _name(one.model))
        table.add_row(*names, hours, costs_in_words({currency: one.cost}), share, plain_text(SENTENCES[one.hint](one)))
    return table


def _notes(used: UsedTime, found: Sequence[Saving]) -> list[str]:
    notes = []
    if len(found) > SHOWN_MAX:
        notes.append(f"{len(found) - SHOWN_MAX} more hints save less; --json has all.")
    if used.unpriced_us:
        notes.append(f"{gpu_hours_in_words(used.unpriced_us)} GPU-hours have no price, and so cost nothing here.")
    notes.append("Hints overlap, so they do not add up. What is freed is money once fewer servers are needed.")
    return notes


def _name(name: str) -> str:
    return plain_text(name) or "-"


def _share(one: Saving) -> str:
    return share_in_words(Fraction(one.per_mille, _PER_MILLE)) or "0 %"


def _prefix_caching(one: Saving) -> str:
    if one.per_mille < 0:
        return (
            "at most, by prefix caching. The server does not say what it had cached: "
            "start vLLM with --enable-prompt-tokens-details"
        )
    return f"at most, by prefix caching. {_share(one)} of prompt tokens were cached: put first what prompts share"


SENTENCES: Final[Mapping[str, Callable[[Saving], str]]] = MappingProxyType(
    {
        "aborted": lambda one: (
            f"{count_in_words(one.exchanges)} answers were not awaited to their end: stream, or let clients wait longer"
        ),
        "cut_at_limit": lambda one: (
            f"{count_in_words(one.exchanges)} answers were cut by max_tokens: raise it, or ask for shorter ones"
        ),
        "max_tokens": lambda one: f"max_tokens of {one.tokens:,} would cut {_share(one)} of the answers",
        "prefix_caching": _prefix_caching,
        "smaller_model": lambda one: (
            f"{count_in_words(one.exchanges)} prompts below {SHORT_TOKENS} tokens: "
            f"{one.other} takes {_share(one)} of it"
        ),
        "full_hours": lambda one: (
            f"in full hours the same work takes {_share(one)}: move there what can wait, such as batches"
        ),
        "idle_hours": lambda one: (
            f"{count_in_words(one.exchanges)} whole hours of {one.other} without work: fewer servers, or let them sleep"
        ),
    }
)
"""What each hint says, and what to do."""
