"""The tables of allocated time. A row that was written stays: what changes is another revision.

``gpu_slices`` has the time of each server, slice by slice, ``gpu_shares`` who used what of it. Both by method, so that
another rule is another column of a report, and no bill changes in silence. ``gpu_days`` says what was allocated so far,
and ``gpu_step_costs`` has the coefficients that were fitted. ``gpu_allocation_leader`` says which process allocates by
itself.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from extproc.ledger.leader import leader_table
from extproc.ledger.schema import METADATA

GPU_SLICES = Table(
    "gpu_slices",
    METADATA,
    Column("begin_us", BigInteger, primary_key=True, autoincrement=False),  # since 1970, UTC
    Column("server", Text, primary_key=True),
    Column("method", Text, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),  # from 1 on; the last one holds
    Column("end_us", BigInteger, nullable=False),
    Column("gpus", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("price", BigInteger, nullable=False),  # of one GPU for an hour [billionths]; -1: not known
    Column("currency", Text, nullable=False),
    Column("step_costs", Text, nullable=False),  # JSON of ``StepCosts``, by which it was divided
    Column("busy", BigInteger, nullable=False),  # GPU time of exchanges [us], and so on: see ``ServerState``
    Column("idle", BigInteger, nullable=False),
    Column("starting", BigInteger, nullable=False),
    Column("sleeping", BigInteger, nullable=False),
    Column("unexplained", BigInteger, nullable=False),  # tokens that the server counted, and no entry has
    Column("unproven", BigInteger, nullable=False),  # of what nobody used: no sample proves that the server was there
    Column("idle_cost", BigInteger, nullable=False),  # billionths of the currency, and so on
    Column("starting_cost", BigInteger, nullable=False),
    Column("sleeping_cost", BigInteger, nullable=False),
    Column("unexplained_cost", BigInteger, nullable=False),
    Column("exchanges", BigInteger, nullable=False),  # that ran in it
    Column("digest", BigInteger, nullable=False),  # the sum of their numbers: others are noticed
    Column("allocated_at_us", BigInteger, nullable=False),
)
GPU_SHARES = Table(
    "gpu_shares",
    METADATA,
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
    Column("cost", BigInteger, nullable=False),  # billionths of the currency of the slice
)
GPU_DAYS = Table(
    "gpu_days",
    METADATA,
    Column("begin_us", BigInteger, primary_key=True, autoincrement=False),
    Column("method", Text, primary_key=True),
    Column("end_us", BigInteger, nullable=False),  # up to where it was allocated: a day that is not over is less
    Column("entries", BigInteger, nullable=False),  # that the ledger had then, and that touch the day
)
TO_READ_AGAIN: Final = -1
"""In place of a number of entries: something else is new. What was allocated stays until then."""
STEP_COSTS = Table(
    "gpu_step_costs",
    METADATA,
    Column("model", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("fitted_at_us", BigInteger, primary_key=True, autoincrement=False),  # the last one holds
    Column("step_costs", Text, nullable=False),  # JSON of ``StepCosts``
    Column("begin_us", BigInteger, nullable=False),  # of the time that it was fitted to
    Column("end_us", BigInteger, nullable=False),
    Column("equations", Integer, nullable=False),
    Column("residual_ppm", Integer, nullable=False),  # median, in millionths of what was measured
)
Index("gpu_shares_by_team", GPU_SHARES.c.team, GPU_SHARES.c.begin_us)
ALLOCATION_LEADER = leader_table("gpu_allocation_leader", METADATA)
