"""By what time is allocated: what the configuration has of servers, and what the ledger's database knows of them."""

from __future__ import annotations

from functools import partial
from typing import Final

from sqlalchemy import Connection

from extproc.config.gpus import GpusSection
from extproc.ledger.allocation.calibrating import step_costs_of
from extproc.ledger.allocation.dividing import AllocationTerms
from extproc.ledger.allocation.server_lives import server_lives, server_terms
from extproc.ledger.allocation.stored_samples import read_samples

_SECOND_US: Final = 1_000_000


def allocation_terms(connection: Connection, section: GpusSection, method: str) -> AllocationTerms:
    """The terms as they are now. Args: method: of ``METHODS``. Raises: StoreFailed."""

    lives = partial(server_lives, interval_us=section.scrape_s * _SECOND_US)
    samples = partial(read_samples, skips_unreadable=True)  # as in lives: a gap, of which the log has a line
    return AllocationTerms(method, server_terms(connection, section).get, lives, samples, step_costs_of)
