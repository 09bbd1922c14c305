"""What ``extproc keys`` prints, for a person and as data."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from extproc.cli.key_shapes import ApiKeyJson, ApiKeysJson, KeyState
from extproc.cli.tables import print_table
from extproc.config.api_keys import ApiKey
from extproc.config.routes import seconds_of

_DAY_CHARS = 10


def state_of(key: ApiKey, now: datetime) -> KeyState:
    """The state of a key."""
    if key.revoked is not None:
        return "revoked"
    if key.expires is not None and seconds_of(key.expires) <= now.timestamp():
        return "expired"
    is_rotated = key.previous is not None and seconds_of(key.previous.until) > now.timestamp()
    return "rotated" if is_rotated else "active"


def key_data(key: ApiKey, now: datetime) -> ApiKeyJson:
    """A key as data."""
    return {
        "id": key.id,
        "team": key.team,
        "project": key.project,
        "budget_code": key.budget_code,
        "tier": key.tier,
        "may_claim_projects": list(key.may_claim.projects),
        "may_claim_budget_codes": list(key.may_claim.budget_codes),
        "state": state_of(key, now),
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
        "previous_until": None if key.previous is None else key.previous.until,
    }


def list_data(file: Path, keys: Iterable[ApiKey], now: datetime) -> ApiKeysJson:
    """Of ``keys list``."""
    return {"file": str(file), "keys": [key_data(key, now) for key in keys]}


def print_keys(console: Console, data: ApiKeysJson) -> None:
    """A line for each key."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("key", "team", "project", "budget code", "tier", "state", "created", "expires"):
        table.add_column(name, overflow="fold")
    for key in data["keys"]:
        table.add_row(
            key["id"],
            key["team"],
            key["project"] or "-",
            key["budget_code"] or "-",
            key["tier"] or "-",
            key["state"],
            _day(key["created"]),
            _day(key["expires"]),
        )
    print_table(console, table)


def _day(moment: str | None) -> str:
    return "-" if moment is None else moment[:_DAY_CHARS]
