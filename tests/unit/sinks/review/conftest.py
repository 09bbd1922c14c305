"""Stores to test with, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.sinks.review.store import Store
from tests.unit.databases import DATABASES, empty_url, url_of

__all__ = ["empty_url", "store", "url"]


def _made(url: str) -> None:
    Store(url, Path("/")).close()


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store, with its tables."""
    return url_of(request, tmp_path, _made)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An empty store."""
    opened = Store(url, Path("/"))
    yield opened
    opened.close()
