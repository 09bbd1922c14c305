"""Stores to test with, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.sinks.review.store import Store
from tests.unit.databases import url

__all__ = ["store", "url"]


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An empty store."""
    opened = Store(url, Path("/"))
    yield opened
    opened.close()
