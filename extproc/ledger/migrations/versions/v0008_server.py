"""The server that answered each exchange; of the entries that are there already it is not known."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Text

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column."""
    op.add_column("ledger_entries", Column("server", Text, nullable=False, server_default=""))
