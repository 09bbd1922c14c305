"""An entry as CloudEvents 1.0: by type of token, as OpenMeter meters them, or one with all columns.

The id is the exchange's, so an event that is sent again is the same event for its receiver.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from extproc.config.ledger import CloudEvents
from extproc.ledger.entry import LedgerEntry, TokenSource, plain_values

_COMMON = ("model", "version", "endpoint", "team", "project", "budget_code", "use_case", "outcome", "exchange")


def events_of(entry: LedgerEntry, terms: CloudEvents) -> list[dict[str, Any]]:
    """The events of an entry; none where tokens are wanted and there are none."""
    if terms.one_per == "exchange":
        return [_event(entry, terms, entry.exchange, plain_values(entry))]
    prompt = {"cached_tokens": entry.cached_tokens}
    answer = {"reasoning_tokens": entry.reasoning_tokens}
    parts = (
        ("input", entry.prompt_tokens, entry.prompt_tokens_source, prompt),
        ("output", entry.completion_tokens, entry.completion_tokens_source, answer),
    )
    common = {name: getattr(entry, name) for name in _COMMON}
    return [
        _event(
            entry,
            terms,
            f"{entry.exchange}/{kind}",
            {"tokens": tokens, "type": kind, **common, "estimated": source is TokenSource.ESTIMATED, **part},
        )
        for kind, tokens, source, part in parts
        if tokens
    ]


def _event(entry: LedgerEntry, terms: CloudEvents, event_id: str, data: dict[str, Any]) -> dict[str, Any]:
    subject: str = getattr(entry, terms.subject)
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": terms.source,
        "type": terms.type,
        "subject": subject or terms.unknown_subject,
        "time": datetime.fromtimestamp(entry.started_at_us / 1_000_000, UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": data,
    }
