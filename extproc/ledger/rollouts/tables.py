"""The tables of rollouts, in the database of the ledger.

``rollouts`` has the state of each, ``rollout_journal`` every decision with the sums that it was made from, and
``rollout_leader`` one row: who decides. ``rollout_traffic`` has what a mesh's object was last seen to have.
``rollout_sums``, ``rollout_events``, ``rollout_units`` and ``rollout_left_out`` are changed in the transaction that
stores the entries.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Integer, Table, Text

from extproc.ledger.leader import leader_table
from extproc.ledger.schema import METADATA

ROLLOUTS = Table(
    "rollouts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("stable", Text, nullable=False),
    Column("canary", Text, nullable=False),
    Column("stable_fingerprint", Text, nullable=False),
    Column("canary_fingerprint", Text, nullable=False),
    Column("stable_weight", Integer, nullable=False),  # as the configuration has it; edited by hand, it ends
    Column("canary_weight", Integer, nullable=False),  # likewise
    Column("plan", Text, nullable=False),  # JSON of ``RolloutSection``
    Column("phase", Text, nullable=False),
    Column("step", Integer, nullable=False),  # from 1 on
    Column("share", Double, nullable=False),
    Column("open_model", Text, unique=True),  # the model while something is compared; at most one at a time
    Column("created_at_us", BigInteger, nullable=False),
    Column("step_began_at_us", BigInteger, nullable=False),
    Column("changed_at_us", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),  # of this row: one more with each change
)
JOURNAL = Table(
    "rollout_journal",
    METADATA,
    Column("rollout", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # from 1 on, without a gap
    Column("at_us", BigInteger, nullable=False),
    Column("content", Text, nullable=False),  # JSON, exactly as it was hashed
    Column("hash", Text, nullable=False),  # of the content and of the hash before
)
LEADER = leader_table("rollout_leader", METADATA)
TRAFFIC = Table(
    "rollout_traffic",
    METADATA,
    Column("rollout", Text, primary_key=True),
    Column("share", Double),  # of the canary, as the mesh's object has it; null: not written yet
    Column("measures", Integer, nullable=False),  # 1: for so long that exchanges are compared
    Column("problem", Text, nullable=False),  # sentences; empty: none
)
SUMS = Table(
    "rollout_sums",
    METADATA,
    Column("rollout", Text, primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("arm", Text, primary_key=True),
    Column("gate", Text, primary_key=True),
    Column("bucket", Integer, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),  # what was judged, or measured
    Column("total", Double, nullable=False),  # events, or logarithms
    Column("squares", Double, nullable=False),
)
EVENTS = Table(
    "rollout_events",
    METADATA,
    Column("rollout", Text, primary_key=True),
    Column("gate", Text, primary_key=True),
    Column("unit", Integer, primary_key=True, autoincrement=False),
    Column("step", Integer, nullable=False),  # of its first event
    Column("arm", Text, nullable=False),  # likewise
)
UNITS_SEEN = Table(
    "rollout_units",
    METADATA,
    Column("rollout", Text, primary_key=True),
    Column("unit", Integer, primary_key=True, autoincrement=False),
    Column("step", Integer, nullable=False),  # in which it was seen first
    Column("arm", Text, nullable=False),  # likewise
)
LEFT_OUT = Table(
    "rollout_left_out",
    METADATA,
    Column("rollout", Text, primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("arm", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
