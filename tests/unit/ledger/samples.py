"""Entries to try the ledger with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from extproc.ledger.entry import EntryOutcome, LedgerEntry, TokenSource, TriedVersion

NOON_US = int(datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()) * 1_000_000
DAY_US = 86_400_000_000
_ENTRY = LedgerEntry(
    exchange="ab12-1",
    started_at_us=NOON_US,
    sent_at_us=NOON_US + 1_000,
    first_token_at_us=NOON_US + 90_000,
    ended_at_us=NOON_US + 900_000,
    revision="r1",
    team="search",
    project="index",
    budget_code="b7",
    tier="gold",
    use_case="support",
    user_id="ann",
    key_id="k1",
    identity_source="jwt",
    endpoint="chat",
    route="night",
    policy="default",
    streamed=True,
    model_asked="fast",
    chosen="tiny/v1",
    model="tiny",
    version="v2",
    fingerprint="f2",
    prompt="helper",
    prompt_fingerprint="p1",
    prompt_tokens=100,
    prompt_tokens_source=TokenSource.REPORTED,
    cached_tokens=40,
    cached_tokens_source=TokenSource.REPORTED,
    completion_tokens=7,
    completion_tokens_source=TokenSource.ESTIMATED,
    reasoning_tokens=2,
    reasoning_tokens_source=TokenSource.ESTIMATED,
    cost_micro_usd=123,
    price_revision="c1",
    choices=1,
    finish_reasons=("stop",),
    tool_calls=1,
    refusals=0,
    finding_count=2,
    findings={"pii/response/EMAIL": 2},
    request_bytes=300,
    response_bytes=4_000,
    attempts=(TriedVersion("tiny/v1", "connect-failure"), TriedVersion("tiny/v2", "answered")),
    server="10.0.0.7:8000",
    outcome=EntryOutcome.COMPLETED,
    status=200,
    reason="",
    response_id="chatcmpl-1",
    trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
    rollout="ro-1",
    rollout_step=2,
    arm="canary",
    unit=65_535,
    signals={"empty": [0, 1], "length": 7.0},
)


def entry(**changed: Any) -> LedgerEntry:
    """An entry, with some fields changed."""
    return replace(_ENTRY, **changed)


def bare_entry(exchange: str = "ab12-9") -> LedgerEntry:
    """An entry of a request that was refused: it has little."""
    return LedgerEntry(exchange=exchange, started_at_us=NOON_US, ended_at_us=NOON_US, outcome=EntryOutcome.REFUSED)
