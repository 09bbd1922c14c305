"""What the object of a mesh was last seen to have, by rollout."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Double, Integer, Text

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "rollout_traffic",
        Column("rollout", Text, primary_key=True),
        Column("share", Double),
        Column("measures", Integer, nullable=False),
        Column("problem", Text, nullable=False),
    )
