"""Signals of answers; the entries that are there already have none."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, Column
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"

LISTS = JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Add the column."""
    op.add_column("ledger_entries", Column("signals", LISTS, nullable=False, server_default="{}"))
