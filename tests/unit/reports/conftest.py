"""Stores to report on: both databases, as the tests of the ledger have them."""

from tests.unit.ledger.conftest import postgres, store, url

__all__ = ["postgres", "store", "url"]
