"""A PostgreSQL server, for what its rows weigh."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.databases import Server, running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for all tests."""
    with running() as server:
        yield server
