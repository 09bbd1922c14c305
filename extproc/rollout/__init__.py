"""Decisions of rollouts: what is looked at, what follows from it, and the journal by which anybody recomputes it.

Pure: no clock, no store. ``extproc/ledger/rollouts`` reads the sums and applies what is decided.
"""
