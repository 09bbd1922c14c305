"""Whole exchanges without a server: the machine that serves traffic, run in this process, and what it did.

``message`` reads requests and answers in any dialect, ``written`` makes them from a text, ``driver`` runs an exchange,
``outcome`` is what came of it. No socket, no clock, no file.
"""
