"""Budgets as exchanges have them."""

from __future__ import annotations

import json
from typing import Any

from extproc.config.compiled_budgets import CompiledBudgets, KeyedBudget, compile_budgets
from extproc.config.load import parse_document
from extproc.domain.record import ExchangeRecord

LIMIT = 60
DAILY: dict[str, Any] = {
    **{"name": "daily", "per": "team", "of": "tokens", "amount": LIMIT, "period": "day"},
    **{"on_exhausted": "block", "when_unknown": "block", "unknown_after_s": 3_600},
}
SOFT: dict[str, Any] = {**DAILY, "name": "soft", "on_exhausted": "downgrade", "when_unknown": "allow"}
GPU: dict[str, Any] = {**DAILY, "name": "gpus", "of": "gpu_seconds"}
GPUS: dict[str, Any] = {
    "servers": [{"endpoint": "127.0.0.1:8000", "gpus": 1, "kind": "L4", "price": "l4"}],
    "prices": [{"name": "l4", "per_gpu_hour": "0.70"}],
}
ROUTES = [{"name": "saving", "when": [{"budget_exhausted": ["soft"]}], "model": "tiny"}, {"name": "default"}]


def found_in(*budgets: dict[str, Any], **sections: Any) -> CompiledBudgets | None:
    """Those of a document that act."""
    price = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 2}
    models = {"tiny": {"versions": {"v1": {"weight": 1, "price": price, "endpoints": ["127.0.0.1:8000"]}}}}
    filters = [{"filter": "version"}, {"filter": "meter"}]
    document = {"models": models, "filters": filters, "ledger": {}, "gpus": GPUS, "budgets": budgets, **sections}
    return compile_budgets(parse_document(json.dumps(document), "budgets"))


def compiled(*budgets: dict[str, Any], **sections: Any) -> CompiledBudgets:
    """Likewise; there are some."""
    found = found_in(*budgets, **sections)
    assert found is not None
    return found


def keyed(budgets: CompiledBudgets, team: str = "search") -> tuple[KeyedBudget, ...]:
    """The budgets of a team."""
    return budgets.of(ExchangeRecord("a", "", 0, team=team))
