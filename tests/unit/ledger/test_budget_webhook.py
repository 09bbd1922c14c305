"""What is posted of a crossing."""

from __future__ import annotations

from dataclasses import replace

from extproc.ledger.budget_webhook import crossing_message
from extproc.ledger.budgets import BudgetChange


def test_the_message() -> None:
    """For a program, and a sentence for a chat."""
    change = BudgetChange(
        at_us=1_767_600_000_000_000,
        budget="monthly",
        budget_key="search",
        period_start_us=1_767_225_600_000_000,
        period_end_us=1_769_904_000_000_000,
        kind="warned",
        amount=500,
        share_percent=80,
        made_by="extproc",
    )
    others = [crossing_message(replace(change, kind=kind), "tokens")["text"] for kind in ("exhausted", "recovered")]
    assert others == [
        "Budget monthly: search has spent all of 500 tokens.",
        "Budget monthly: search has spent 80 % of 500 tokens, and has room again.",
    ]
    assert crossing_message(change, "tokens") == {
        "text": "Budget monthly: search has spent 80 % of 500 tokens.",
        "kind": "warned",
        "budget": "monthly",
        "key": "search",
        "of": "tokens",
        "limit": 500,
        "share_percent": 80,
        "at": "2026-01-05T08:00:00+00:00",
        "period": {"start": "2026-01-01T00:00:00+00:00", "end": "2026-02-01T00:00:00+00:00"},
    }
