"""The ledger: one durable entry for each exchange that reached a model.

Imported only if the configuration has a ``ledger`` section. The processes that serve need nothing else; what stores and
reads entries needs SQLAlchemy and Alembic, and psycopg for PostgreSQL; what writes Parquet files needs pyarrow.
"""

from __future__ import annotations

from extproc.config.extras import ledger_modules
from extproc.config.ledger import Ledger
from extproc.domain.extras import MODULES, how_to_install, missing_modules


class LedgerUnavailable(Exception):
    """The ledger cannot be kept: a package is not installed, or its spool cannot be used."""


def require_packages(url: str) -> None:
    """Check that the packages for a store URL are installed. Raises: LedgerUnavailable."""
    for package in missing_modules(ledger_modules(url)):
        raise LedgerUnavailable(f"ledger: the store needs {package}. {how_to_install('ledger')}")


def require_sinks(terms: Ledger) -> None:
    """Check that the packages for everything that entries are shipped to are installed. Raises: LedgerUnavailable."""
    require_packages(terms.url)
    for package in missing_modules(MODULES["parquet"] if terms.parquet is not None else ()):
        raise LedgerUnavailable(f"ledger.parquet: it needs {package}. {how_to_install('parquet')}")
