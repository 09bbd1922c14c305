"""The tables of what model servers say of themselves, in the database of the ledger.

``server_samples`` has a row for each server and hour, and ``gpu_servers`` which GPUs a server had from when on, as the
processor that asked it was configured or as its pod said: a reader need have neither.
``gpu_sampling_leader`` says which process asks.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from extproc.ledger.leader import leader_table
from extproc.ledger.schema import METADATA

HOUR_US: Final = 3_600_000_000

SERVER_SAMPLES = Table(
    "server_samples",
    METADATA,
    Column("server", Text, primary_key=True),  # as in entries
    Column("hour_us", BigInteger, primary_key=True, autoincrement=False),  # when it begins
    Column("samples", Integer, nullable=False),  # how many
    Column("content", LargeBinary, nullable=False),  # see ``samples``
)
Index("server_samples_hour_us", SERVER_SAMPLES.c.hour_us)
GPU_SERVERS = Table(
    "gpu_servers",
    METADATA,
    Column("server", Text, primary_key=True),  # as in entries
    Column("since_us", BigInteger, primary_key=True, autoincrement=False),  # of its first sample with this
    Column("endpoint", Text, nullable=False),  # of the configuration; a name may have several addresses
    Column("gpus", Integer, nullable=False),  # 0: not known
    Column("kind", Text, nullable=False),
    Column("price", Text, nullable=False),  # name of a price; empty: that of its kind
)
SAMPLING_LEADER = leader_table("gpu_sampling_leader", METADATA)
