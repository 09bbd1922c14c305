"""The ledger: one durable entry for each exchange that reached a model.

Imported only if the configuration has a ``ledger`` section. The processes that serve need nothing else; what stores and
reads entries needs SQLAlchemy and Alembic, and psycopg for PostgreSQL; what writes Parquet files needs pyarrow.
"""

from __future__ import annotations

from extproc.config.ledger import Ledger
from extproc.config.required_extras import require_extra


class LedgerUnavailable(Exception):
    """The ledger cannot be kept: its spool cannot be used."""


def require_sinks(terms: Ledger) -> None:
    """Check that the packages for everything that entries are shipped to are installed. Raises: ExtraMissing."""
    require_extra("ledger", terms.url)
    if terms.parquet is not None:
        require_extra("parquet")
