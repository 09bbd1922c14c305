"""The tables of drift, in the database of the ledger.

``quality_sums`` has the sums of answers by block. Block 0 is what was read: sums of hours, for references.
``quality_strata`` lists the strata that have sums of their own. ``quality_blocks`` has one row: which block gets the
sums of entries now, and which one was read last. ``drift_series`` has each revision of a version that has sums, and
the window that it is compared with, once that is settled. ``drift_states`` has what is known of each signal.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Integer, Table, Text

from extproc.ledger.schema import METADATA

BLOCKS = Table(
    "quality_blocks",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1
    Column("open_block", BigInteger, nullable=False),
    Column("opened_at_us", BigInteger, nullable=False),  # since 1970; when the block before was closed
    Column("read_block", BigInteger, nullable=False),
)
STRATA = Table(
    "quality_strata",
    METADATA,
    Column("route", Text, primary_key=True),
    Column("team", Text, primary_key=True),
)
SUMS = Table(
    "quality_sums",
    METADATA,
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("model", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("prompt_fingerprint", Text, primary_key=True),
    Column("hour_us", BigInteger, primary_key=True, autoincrement=False),  # when the hour of the answer began
    Column("route", Text, primary_key=True),
    Column("team", Text, primary_key=True),
    Column("signal", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("total", Double, nullable=False),
    Column("squares", Double, nullable=False),
)
SERIES = Table(
    "drift_series",
    METADATA,
    Column("model", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("prompt_fingerprint", Text, primary_key=True),
    Column("first_block", BigInteger, nullable=False),  # that had answers of it
    Column("last_block", BigInteger, nullable=False),  # likewise
    Column("window_of", Text, nullable=False),  # the settings that the window is for; empty: it is not settled
    Column("window", Text, nullable=False),  # JSON: sums by signal and stratum
)
STATES = Table(
    "drift_states",
    METADATA,
    Column("model", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("signal", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),  # of the revision that is compared
    Column("prompt_fingerprint", Text, nullable=False),
    Column("compared_with", Text, nullable=False),  # the settings of the reference
    Column("state", Text, nullable=False),  # JSON of ``SignalDrift``
    Column("shown", Text, nullable=False),  # JSON of ``ShownDrift``
)
