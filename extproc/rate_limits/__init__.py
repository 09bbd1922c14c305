"""Where rate limits are counted: in this process, or in a store that several share."""

from __future__ import annotations

from typing import Final

from extproc.domain.extras import MODULES, how_to_install, missing_modules

EXTRA: Final = "redis"


class LimitStoreUnavailable(Exception):
    """A package for the store is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"rate_limits.store: it needs {package}. {how_to_install(EXTRA)}")


def require_packages() -> None:
    """Check that the packages for a store are installed. Raises: LimitStoreUnavailable."""
    for package in missing_modules(MODULES[EXTRA]):
        raise LimitStoreUnavailable(package)
