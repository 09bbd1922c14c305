"""The tables of budgets; the entries that are there already are counted."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, Text

revision = "0002"
down_revision = "0001"

NUMBER = BigInteger().with_variant(Integer, "sqlite")
SLOT_US = 900_000_000


def upgrade() -> None:
    """Create and fill them."""
    op.create_table(
        "usage_slots",
        Column("slot_us", BigInteger, primary_key=True, autoincrement=False),
        Column("team", Text, primary_key=True),
        Column("project", Text, primary_key=True),
        Column("budget_code", Text, primary_key=True),
        Column("tokens", BigInteger, nullable=False),
        Column("micro_usd", BigInteger, nullable=False),
    )
    op.execute(
        f"INSERT INTO usage_slots SELECT started_at_us / {SLOT_US} * {SLOT_US}, team, project, budget_code,"
        " CAST(sum(prompt_tokens + completion_tokens) AS BIGINT), CAST(sum(cost_micro_usd) AS BIGINT)"
        " FROM ledger_entries WHERE outcome NOT IN ('refused', 'unreachable') GROUP BY 1, 2, 3, 4"
    )
    op.create_table(
        "budget_changes",
        Column("number", NUMBER, primary_key=True, autoincrement=True),
        Column("at_us", BigInteger, nullable=False),
        Column("budget", Text, nullable=False),
        Column("budget_key", Text, nullable=False),
        Column("period_start_us", BigInteger, nullable=False),
        Column("period_end_us", BigInteger, nullable=False),
        Column("kind", Text, nullable=False),
        Column("amount", BigInteger, nullable=False),
        Column("share_percent", Integer, nullable=False),
        Column("once", Text, unique=True),
        Column("made_by", Text, nullable=False),
        Column("note", Text, nullable=False),
    )
    op.create_index("budget_changes_budget", "budget_changes", ["budget", "period_start_us"])
