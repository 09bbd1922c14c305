"""Stores to test with, on both databases."""

from tests.unit.databases import url
from tests.unit.ledger.conftest import store

__all__ = ["store", "url"]
