"""The optional packages that a part of a configuration needs to be served.

Processes that serve no exchange check them too, so this imports none of the sections.
"""

from __future__ import annotations

from typing import Final, Literal

from extproc.domain.extras import MODULES, ExtraMissing, how_to_install, missing_modules

_NEEDED_BY: Final = {
    "kubernetes": "rollouts: `traffic`",
    "ledger": "ledger: the store",
    "otel": "otel: it",
    "parquet": "ledger.parquet: it",
    "redis": "rate_limits.store: it",
    "review": "review: the queue",
    "tokenizers": "models: `tokenizer_file`",
}
"""What needs the packages of an extra, in messages."""


def require_extra(
    extra: Literal["kubernetes", "ledger", "otel", "parquet", "redis", "review", "tokenizers"],
    url: str = "",
    part: str = "",
) -> None:
    """Check that the packages are installed that a part of a configuration needs. Raises: ExtraMissing.

    Args: url: of the store, if the part is one. part: that needs it, where an extra has several.
    """
    for package in missing_modules(modules_of_store(extra, url)):
        raise ExtraMissing(f"{part or _NEEDED_BY[extra]} needs {package}. {how_to_install(extra)}")


def modules_of_store(extra: str, url: str) -> list[str]:
    """The modules of an extra that a store at a URL needs."""
    return [module for module in MODULES[extra] if module != "psycopg" or url.startswith("postgresql:")]
