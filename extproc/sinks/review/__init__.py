"""The review queue: findings kept in a database for human labels.

Imported only if the configuration has a ``review`` section: it needs SQLAlchemy, and psycopg for PostgreSQL.
"""

from __future__ import annotations

from extproc.config.extras import review_modules
from extproc.domain.extras import how_to_install, missing_modules


class ReviewUnavailable(Exception):
    """A package for the review queue is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"review: the queue needs {package}. {how_to_install('review')}")


def require_packages(url: str) -> None:
    """Check that the packages for a store URL are installed. Raises: ReviewUnavailable."""
    for package in missing_modules(review_modules(url)):
        raise ReviewUnavailable(package)
