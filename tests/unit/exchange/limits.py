"""Limits as exchanges have them, and claims of them."""

from __future__ import annotations

import json
from typing import Any

from extproc.config.compiled_rate_limits import CompiledRateLimits, compile_rate_limits
from extproc.config.load import parse_document
from extproc.domain.record import ExchangeRecord
from extproc.domain.usage import Usage
from extproc.exchange.claims import Claim

S_NS = 1_000_000_000
PRICE = {"prompt_micro_usd_per_mtok": 1_000_000, "completion_micro_usd_per_mtok": 2_000_000}
REQUESTS: dict[str, Any] = {"name": "requests", "of": "requests", "limit": 60, "window": "minute", "burst": 3}
TOKENS: dict[str, Any] = {"name": "tokens", "of": "tokens", "limit": 6_000, "window": "minute", "burst": 300}
AT_A_TIME: dict[str, Any] = {"name": "running", "of": "exchanges", "limit": 2}


def compiled(*limits: dict[str, Any], **sections: Any) -> CompiledRateLimits:
    """Limits of a document with a model and a route."""
    document = {
        "models": {"tiny": {"versions": {"v1": {"weight": 1, "price": PRICE}}}},
        "routes": [{"name": "all"}],
        "filters": [{"filter": "version"}, {"filter": "meter"}],
        **({"rate_limits": {"limits": list(limits)}} if limits else {}),
        **sections,
    }
    found = compile_rate_limits(parse_document(json.dumps(document), "limits"))
    assert found is not None
    return found


def record_of(team: str = "search", **facts: str) -> ExchangeRecord:
    """An exchange of a team."""
    record = ExchangeRecord("exchange-1", "revision", 0, endpoint="chat", team=team, project="unknown")
    for name, value in facts.items():
        setattr(record, name, value)
    return record


def claim_of(
    limits: CompiledRateLimits, prompt: int = 0, completion: int = 0, team: str = "search", tier: str = ""
) -> Claim:
    """What a request of that size takes."""
    claim = Claim(limits.of(record_of(team)), tier=tier)
    claim.expect(Usage(prompt, completion))
    return claim
