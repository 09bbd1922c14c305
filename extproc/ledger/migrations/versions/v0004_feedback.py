"""The table of feedback, and by what else an exchange is found; the entries that are there already have none."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Float, Text

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table, and add the columns."""
    op.add_column("ledger_entries", Column("response_id", Text, nullable=False, server_default=""))
    op.add_column("ledger_entries", Column("trace_id", Text, nullable=False, server_default=""))
    op.create_index("ledger_entries_response_id", "ledger_entries", ["response_id"])
    op.create_table(
        "feedback",
        Column("exchange", Text, primary_key=True),
        Column("user_id", Text, primary_key=True),
        Column("type", Text, primary_key=True),
        Column("created_at_us", BigInteger, nullable=False),
        Column("changed_at_us", BigInteger, nullable=False),
        Column("score", Float),
        Column("comment_hash", Text, nullable=False),
        Column("team", Text, nullable=False),
        Column("project", Text, nullable=False),
        Column("route", Text, nullable=False),
        Column("model", Text, nullable=False),
        Column("version", Text, nullable=False),
        Column("fingerprint", Text, nullable=False),
        Column("prompt", Text, nullable=False),
        Column("prompt_fingerprint", Text, nullable=False),
    )
    op.create_index("feedback_created_at_us", "feedback", ["created_at_us"])
