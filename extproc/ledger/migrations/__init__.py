"""Brings the tables of a database up to date, with Alembic.

A change of a table is a module in ``versions``: ``upgrade`` with the operations, ``revision`` one higher than
``down_revision``. Views are created again after each change, from ``schema``, so a migration names none. There is no
way back: an older release uses what a newer one has added to, see ``check_schema``.
"""

from __future__ import annotations

import functools

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from extproc.database.engine import check_schema
from extproc.ledger.schema import VIEWS, create_views

VERSION_TABLE = "ledger_schema"
_LOCK = 0x6C6C6C67  # arbitrary advisory lock number: no two PostgreSQL sessions migrate at once


def bring_up_to_date(connection: Connection) -> None:
    """Create the tables and views, or migrate those of an older release, in the connection's transaction.

    Raises: SchemaTooNew.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    found = revision_of_tables(connection)
    if found is not None and int(found) >= _newest():
        check_schema(int(found), _newest())
        return
    for name in VIEWS:  # a database may refuse to change a table that a view reads
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    create_views(connection)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "extproc.ledger:migrations")
    return config


@functools.cache
def _newest() -> int:
    """The last revision of this release, for which all of them are read."""
    return int(ScriptDirectory.from_config(_config()).get_current_head() or 0)


def revision_of_tables(connection: Connection) -> str | None:
    """The last migration of a database; None before the first."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()
