"""The tables of rollouts, and the part that each exchange has in one; the entries that are there already have none."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Double, Integer, Text

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns, and create the tables, with nobody who decides."""
    op.add_column("ledger_entries", Column("rollout", Text, nullable=False, server_default=""))
    op.add_column("ledger_entries", Column("rollout_step", Integer, nullable=False, server_default="0"))
    op.add_column("ledger_entries", Column("arm", Text, nullable=False, server_default=""))
    op.add_column("ledger_entries", Column("unit", Integer, nullable=False, server_default="0"))
    _create_states()
    _create_sums()


def _create_states() -> None:
    op.create_table(
        "rollouts",
        Column("id", Text, primary_key=True),
        Column("name", Text, nullable=False),
        Column("model", Text, nullable=False),
        Column("stable", Text, nullable=False),
        Column("canary", Text, nullable=False),
        Column("stable_fingerprint", Text, nullable=False),
        Column("canary_fingerprint", Text, nullable=False),
        Column("stable_weight", Integer, nullable=False),
        Column("canary_weight", Integer, nullable=False),
        Column("plan", Text, nullable=False),
        Column("phase", Text, nullable=False),
        Column("step", Integer, nullable=False),
        Column("share", Double, nullable=False),
        Column("open_model", Text, unique=True),
        Column("created_at_us", BigInteger, nullable=False),
        Column("step_began_at_us", BigInteger, nullable=False),
        Column("changed_at_us", BigInteger, nullable=False),
        Column("revision", BigInteger, nullable=False),
    )
    op.create_table(
        "rollout_journal",
        Column("rollout", Text, primary_key=True),
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("at_us", BigInteger, nullable=False),
        Column("content", Text, nullable=False),
        Column("hash", Text, nullable=False),
    )
    leader = op.create_table(
        "rollout_leader",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("holder", Text, nullable=False),
        Column("term", BigInteger, nullable=False),
        Column("beat", BigInteger, nullable=False),
    )
    op.bulk_insert(leader, [{"id": 1, "holder": "", "term": 0, "beat": 0}])


def _create_sums() -> None:
    op.create_table(
        "rollout_sums",
        Column("rollout", Text, primary_key=True),
        Column("step", Integer, primary_key=True, autoincrement=False),
        Column("arm", Text, primary_key=True),
        Column("gate", Text, primary_key=True),
        Column("bucket", Integer, primary_key=True, autoincrement=False),
        Column("count", BigInteger, nullable=False),
        Column("total", Double, nullable=False),
        Column("squares", Double, nullable=False),
    )
    op.create_table(
        "rollout_events",
        Column("rollout", Text, primary_key=True),
        Column("gate", Text, primary_key=True),
        Column("unit", Integer, primary_key=True, autoincrement=False),
        Column("step", Integer, nullable=False),
        Column("arm", Text, nullable=False),
    )
    op.create_table(
        "rollout_units",
        Column("rollout", Text, primary_key=True),
        Column("unit", Integer, primary_key=True, autoincrement=False),
        Column("step", Integer, nullable=False),
        Column("arm", Text, nullable=False),
    )
    op.create_table(
        "rollout_left_out",
        Column("rollout", Text, primary_key=True),
        Column("step", Integer, primary_key=True, autoincrement=False),
        Column("arm", Text, primary_key=True),
        Column("reason", Text, primary_key=True),
        Column("count", BigInteger, nullable=False),
    )
