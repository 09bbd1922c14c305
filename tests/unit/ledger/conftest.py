"""Stores to test with, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.ledger.store import LedgerStore
from tests.unit.databases import url

__all__ = ["store", "url"]


@pytest.fixture
def store(url: str) -> Iterator[LedgerStore]:
    """An empty store."""
    opened = LedgerStore(url, Path("/"))
    yield opened
    opened.close()
