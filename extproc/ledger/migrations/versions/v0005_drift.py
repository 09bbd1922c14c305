"""The tables of drift; the entries that are there already are in no sum."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Double, Integer, Text

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create them, with the first block."""
    blocks = op.create_table(
        "quality_blocks",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("open_block", BigInteger, nullable=False),
        Column("opened_at_us", BigInteger, nullable=False),
        Column("read_block", BigInteger, nullable=False),
    )
    op.bulk_insert(blocks, [{"id": 1, "open_block": 1, "opened_at_us": 0, "read_block": 0}])
    op.create_table(
        "quality_strata",
        Column("route", Text, primary_key=True),
        Column("team", Text, primary_key=True),
    )
    op.create_table(
        "quality_sums",
        Column("block", BigInteger, primary_key=True, autoincrement=False),
        Column("model", Text, primary_key=True),
        Column("version", Text, primary_key=True),
        Column("fingerprint", Text, primary_key=True),
        Column("prompt_fingerprint", Text, primary_key=True),
        Column("hour_us", BigInteger, primary_key=True, autoincrement=False),
        Column("route", Text, primary_key=True),
        Column("team", Text, primary_key=True),
        Column("signal", Text, primary_key=True),
        Column("count", BigInteger, nullable=False),
        Column("total", Double, nullable=False),
        Column("squares", Double, nullable=False),
    )
    op.create_table(
        "drift_series",
        Column("model", Text, primary_key=True),
        Column("version", Text, primary_key=True),
        Column("fingerprint", Text, primary_key=True),
        Column("prompt_fingerprint", Text, primary_key=True),
        Column("first_block", BigInteger, nullable=False),
        Column("last_block", BigInteger, nullable=False),
        Column("window_of", Text, nullable=False),
        Column("window", Text, nullable=False),
    )
    op.create_table(
        "drift_states",
        Column("model", Text, primary_key=True),
        Column("version", Text, primary_key=True),
        Column("signal", Text, primary_key=True),
        Column("fingerprint", Text, nullable=False),
        Column("prompt_fingerprint", Text, nullable=False),
        Column("compared_with", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("shown", Text, nullable=False),
    )
