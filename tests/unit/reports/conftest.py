"""Stores to report on: both databases, as the tests of the ledger have them."""

from tests.unit.ledger.conftest import store, url

__all__ = ["store", "url"]
