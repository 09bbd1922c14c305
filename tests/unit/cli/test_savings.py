"""What ``extproc savings`` says of each hint."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from rich.console import Console

from extproc.allocation.used_cells import UsedCells, UsedHours
from extproc.cli.gpu_days import SettledSpan
from extproc.cli.savings_output import SENTENCES, SHOWN_MAX, print_savings
from extproc.ledger.allocation.used_reading import UsedTime
from extproc.reports.savings import HINTS, Saving

HOUR_US = 3_600_000_000
DAY = SettledSpan(0, 24 * HOUR_US)
SAID = {
    "aborted": "1,200 answers were not awaited to their end",
    "cut_at_limit": "1,200 answers were cut by max_tokens",
    "max_tokens": "max_tokens of 2,048 would cut 0.4 % of the answers",
    "prefix_caching": "0.4 % of prompt tokens were cached",
    "smaller_model": "1,200 prompts below 512 tokens: llama-8b takes 0.4 % of it",
    "full_hours": "in full hours the same work takes 0.4 %",
    "idle_hours": "1,200 whole hours of llama-8b without work",
}


def saving(hint: str, gpu_us: int = 3 * HOUR_US, team: str = "search", per_mille: int = 4) -> Saving:
    """One of each."""
    return Saving(hint, team, "llama", 1_200, gpu_us, 7_500_000_000, 12 * HOUR_US, 2_048, per_mille, "llama-8b")


def printed(*found: Saving, unpriced_us: int = 0) -> str:
    """As one line, without the gaps of the table."""
    none = np.zeros(0, dtype=np.int64)
    used = UsedTime([], UsedCells.none(), [], UsedHours(none, none, none, none, none), {}, "USD", unpriced_us)
    written = io.StringIO()
    print_savings(Console(file=written, width=300, markup=False), DAY, used, found)
    return re.sub(r"\s+", " ", written.getvalue())


@pytest.mark.parametrize("hint", HINTS)
def test_each_hint_says_how_much_and_what_to_do(hint: str) -> None:
    """GPU-hours, money, and their part in what the team used."""
    text = printed(saving(hint))
    assert set(SENTENCES) == set(HINTS) == set(SAID)
    assert f"3 $7.50 25 % {SAID[hint]}" in text or f"3 $7.50 25 % at most, by prefix caching. {SAID[hint]}" in text


def test_a_server_that_does_not_say_what_it_cached() -> None:
    """What to switch on."""
    assert "--enable-prompt-tokens-details" in printed(saving("prefix_caching", per_mille=-1))
    assert "0 % of prompt tokens were cached" in printed(saving("prefix_caching", per_mille=0))


def test_more_hints_than_are_shown_are_counted() -> None:
    """And none is left out in silence."""
    text = printed(*(saving("aborted", team=f"team-{number}") for number in range(SHOWN_MAX + 3)))
    assert "3 more hints save less; --json has all." in text


def test_time_without_a_price_and_cheaper_gpus_are_told() -> None:
    """A model on cheaper GPUs may take more GPU time."""
    text = printed(saving("smaller_model", gpu_us=-2 * HOUR_US), unpriced_us=HOUR_US)
    assert "llama -2 $7.50 1,200 prompts" in text
    assert "1 GPU-hours have no price" in text


def test_a_name_of_a_team_is_text() -> None:
    """Neither a style nor a control character."""
    text = printed(saving("aborted", team="[red]a\x1b[31m"))
    assert "[red]a" in text
    assert "\x1b" not in text


def test_nothing_to_save_is_a_sentence() -> None:
    """No empty table."""
    assert "Nothing was found" in printed()
