"""Rollouts in the store of the ledger: their state, their journal, and the sums of what both versions did.

The process that ships adds sums with the entries, and decides; processes that serve read what it wrote.
"""
