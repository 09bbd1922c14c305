"""The tables of allocated GPU time, without any."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, Text

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Create them."""
    _create_slices()
    _create_shares()


def _create_slices() -> None:
    op.create_table(
        "gpu_slices",
        Column("begin_us", BigInteger, primary_key=True, autoincrement=False),
        Column("server", Text, primary_key=True),
        Column("method", Text, primary_key=True),
        Column("revision", Integer, primary_key=True, autoincrement=False),
        Column("end_us", BigInteger, nullable=False),
        Column("gpus", Integer, nullable=False),
        Column("kind", Text, nullable=False),
        Column("price", BigInteger, nullable=False),
        Column("currency", Text, nullable=False),
        Column("step_costs", Text, nullable=False),
        Column("busy", BigInteger, nullable=False),
        Column("idle", BigInteger, nullable=False),
        Column("starting", BigInteger, nullable=False),
        Column("sleeping", BigInteger, nullable=False),
        Column("unexplained", BigInteger, nullable=False),
        Column("unproven", BigInteger, nullable=False),
        Column("idle_cost", BigInteger, nullable=False),
        Column("starting_cost", BigInteger, nullable=False),
        Column("sleeping_cost", BigInteger, nullable=False),
        Column("unexplained_cost", BigInteger, nullable=False),
        Column("exchanges", BigInteger, nullable=False),
        Column("digest", BigInteger, nullable=False),
        Column("allocated_at_us", BigInteger, nullable=False),
    )
    op.create_table(
        "gpu_days",
        Column("begin_us", BigInteger, primary_key=True, autoincrement=False),
        Column("method", Text, primary_key=True),
        Column("end_us", BigInteger, nullable=False),
        Column("entries", BigInteger, nullable=False),
    )


def _create_shares() -> None:
    op.create_table(
        "gpu_shares",
        Column("begin_us", BigInteger, primary_key=True, autoincrement=False),
        Column("server", Text, primary_key=True),
        Column("method", Text, primary_key=True),
        Column("revision", Integer, primary_key=True, autoincrement=False),
        Column("team", Text, primary_key=True),
        Column("project", Text, primary_key=True),
        Column("budget_code", Text, primary_key=True),
        Column("tier", Text, primary_key=True),
        Column("use_case", Text, primary_key=True),
        Column("model", Text, primary_key=True),
        Column("version", Text, primary_key=True),
        Column("gpu_us", BigInteger, nullable=False),
        Column("cost", BigInteger, nullable=False),
    )
    op.create_index("gpu_shares_by_team", "gpu_shares", ["team", "begin_us"])
    op.create_table(
        "gpu_step_costs",
        Column("model", Text, primary_key=True),
        Column("version", Text, primary_key=True),
        Column("fitted_at_us", BigInteger, primary_key=True, autoincrement=False),
        Column("step_costs", Text, nullable=False),
        Column("begin_us", BigInteger, nullable=False),
        Column("end_us", BigInteger, nullable=False),
        Column("equations", Integer, nullable=False),
        Column("residual_ppm", Integer, nullable=False),
    )
