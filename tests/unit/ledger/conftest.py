"""Stores to test with, on both databases."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.ledger.store import LedgerStore
from tests.unit.databases import DATABASES, empty_url, ledger_tables, url_of

__all__ = ["empty_url", "store", "url"]


@pytest.fixture(scope="module", autouse=True)
def _older_objects() -> None:
    """A simulated kill collects garbage, and need not look through what earlier files and pytest hold."""
    gc.collect()
    gc.freeze()


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store, with its tables."""
    return url_of(request, tmp_path, ledger_tables)


@pytest.fixture
def store(url: str) -> Iterator[LedgerStore]:
    """An empty store."""
    opened = LedgerStore(url, Path("/"))
    yield opened
    opened.close()
