"""The review queue: findings kept in a database for human labels.

Imported only if the configuration has a ``review`` section: it needs SQLAlchemy, and psycopg for PostgreSQL.
"""

from __future__ import annotations

from importlib.util import find_spec


class ReviewUnavailable(Exception):
    """A package for the review queue is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"review: the queue needs {package}. Install it: pip install 'llm-extproc[review]'")


def require_packages(url: str) -> None:
    """Check that the packages for a store URL are installed. Raises: ReviewUnavailable."""
    needed = ["sqlalchemy"] if url.startswith("sqlite:") else ["sqlalchemy", "psycopg"]
    for package in needed:
        if find_spec(package) is None:
            raise ReviewUnavailable(package)
