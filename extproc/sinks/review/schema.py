"""Tables of the review queue, their version, and migrations.

A new store is created with the tables as defined here. To change them, raise ``SCHEMA_VERSION`` and add to
``MIGRATIONS`` the statements that upgrade a store of the previous version, in SQL that both SQLite and PostgreSQL
understand. What is added has a default, so that an older release can leave it out, see ``check_schema``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    inspect,
    select,
    text,
)

from extproc.database.engine import check_schema
from extproc.sinks.review.entries import Entry

SCHEMA_VERSION = 2
MIGRATIONS: Mapping[int, Sequence[str]] = {
    2: ("ALTER TABLE review_findings ADD COLUMN route TEXT DEFAULT '' NOT NULL",),
}
"""By the version that they lead to."""
_MIGRATION_LOCK = 0x6C6C6D72  # arbitrary advisory lock number: no two PostgreSQL sessions migrate at once

METADATA = MetaData()
_ID = BigInteger().with_variant(Integer, "sqlite")  # SQLite autoincrements only a column of exactly this type
ADDED = {"route": ""}
"""Columns that came later, with their defaults."""
_TYPES = {"int": BigInteger, "float": Float, "str": Text}

FINDINGS = Table(
    "review_findings",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=True),
    *(
        Column(one.name, _TYPES[str(one.type)], nullable=False, server_default=ADDED.get(one.name))
        for one in fields(Entry)
    ),
    Column("verdict", Text, nullable=True),  # of its last label
    sqlite_autoincrement=True,  # never reuse ids: a reviewer may still look at one
)
Index("review_findings_seen_at_ms", FINDINGS.c.seen_at_ms)
Index("review_findings_guard_verdict", FINDINGS.c.guard, FINDINGS.c.verdict)

LABELS = Table(
    "review_labels",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("finding_id", _ID, ForeignKey(FINDINGS.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("verdict", Text, nullable=False),
    Column("labelled_by", Text, nullable=False),
    Column("labelled_at_ms", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    sqlite_autoincrement=True,
)

_SCHEMA = Table("review_schema", METADATA, Column("version", Integer, nullable=False))


def bring_up_to_date(connection: Connection) -> None:
    """Create the tables, or migrate those of an older release, in the connection's transaction.

    Raises: SchemaTooNew.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    if not inspect(connection).has_table(_SCHEMA.name):
        METADATA.create_all(connection)
        connection.execute(_SCHEMA.insert().values(version=SCHEMA_VERSION))
        return
    found = connection.execute(select(_SCHEMA.c.version)).scalar_one()
    check_schema(found, SCHEMA_VERSION)
    for version in range(found + 1, SCHEMA_VERSION + 1):
        for statement in MIGRATIONS[version]:
            connection.execute(text(statement))
    if found < SCHEMA_VERSION:
        connection.execute(_SCHEMA.update().values(version=SCHEMA_VERSION))
