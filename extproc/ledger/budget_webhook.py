"""What is posted to a webhook when a budget crosses a share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from extproc.domain.budgets import BudgetUnit
from extproc.ledger.budgets import BudgetChange


def crossing_message(change: BudgetChange, of: BudgetUnit) -> dict[str, Any]:
    """A crossing as it is posted; `text` is what chats show."""
    start, end, at = (
        datetime.fromtimestamp(one // 1_000_000, UTC).isoformat()
        for one in (change.period_start_us, change.period_end_us, change.at_us)
    )
    spent = f"{change.share_percent} % of {change.amount} {of}"
    words = {"exhausted": f"all of {change.amount} {of}", "recovered": f"{spent}, and has room again"}
    return {
        "text": f"Budget {change.budget}: {change.budget_key or '-'} has spent {words.get(change.kind, spent)}.",
        "kind": change.kind,
        "budget": change.budget,
        "key": change.budget_key,
        "of": of,
        "limit": change.amount,
        "share_percent": change.share_percent,
        "at": at,
        "period": {"start": start, "end": end},
    }
