"""The tables of what model servers say of themselves, without any, and with nobody who asks, or who
allocates by itself.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Text

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "server_samples",
        Column("server", Text, primary_key=True),
        Column("hour_us", BigInteger, primary_key=True, autoincrement=False),
        Column("samples", Integer, nullable=False),
        Column("content", LargeBinary, nullable=False),
    )
    op.create_index("server_samples_hour_us", "server_samples", ["hour_us"])
    op.create_table(
        "gpu_servers",
        Column("server", Text, primary_key=True),
        Column("since_us", BigInteger, primary_key=True, autoincrement=False),
        Column("endpoint", Text, nullable=False),
        Column("gpus", Integer, nullable=False),
        Column("kind", Text, nullable=False),
        Column("price", Text, nullable=False),
    )
    for matter in ("sampling", "allocation"):
        leader = op.create_table(
            f"gpu_{matter}_leader",
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("holder", Text, nullable=False),
            Column("term", BigInteger, nullable=False),
            Column("beat", BigInteger, nullable=False),
        )
        op.bulk_insert(leader, [{"id": 1, "holder": "", "term": 0, "beat": 0}])
