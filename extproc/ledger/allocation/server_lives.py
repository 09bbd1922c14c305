"""The lives of servers, and which GPUs they had, as the ledger's database knows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, select

from extproc.allocation.server_life import server_life
from extproc.allocation.server_time import ServerLife
from extproc.allocation.slices import GpuTerms
from extproc.config.gpus import MILLION, GpusSection, price_at
from extproc.ledger.allocation.dividing import ServerTerms
from extproc.ledger.allocation.sample_tables import GPU_SERVERS
from extproc.ledger.allocation.stored_samples import GpuFacts, sampled_servers, samples_around

_EVER_US: Final = 0


def server_lives(
    connection: Connection, begin_us: int, end_us: int, interval_us: int = 15 * MILLION
) -> dict[str, ServerLife]:
    """By server, of all that were asked so that something is known of that time.

    Args: interval_us: between two samples; see ``server_life``.
    """
    return {
        server: server_life(samples_around(connection, server, begin_us, end_us), interval_us)
        for server in sampled_servers(connection, begin_us, end_us)
    }


def server_terms(connection: Connection, section: GpusSection) -> dict[str, ServerTerms]:
    """By server, which GPUs it had from when on, and what they cost then.

    Of a server that was asked, that is what the processors had in their configuration when they asked, or what its pod
    said then; of another one, what this configuration has.
    """
    columns = GPU_SERVERS.c
    known: dict[str, list[tuple[int, GpuFacts]]] = {}
    for row in connection.execute(select(GPU_SERVERS).order_by(columns.server, columns.since_us)).mappings():
        facts = GpuFacts(row["endpoint"], row["gpus"], row["kind"], row["price"])
        known.setdefault(row["server"], []).append((row["since_us"], facts))
    for one in section.servers:
        if one.gpus is not None and one.kind is not None:
            facts = GpuFacts(one.endpoint, one.gpus, one.kind, one.price or "")
            known.setdefault(one.endpoint, [(_EVER_US, facts)])
    return {server: _terms(history, section) for server, history in known.items()}


def _terms(history: Sequence[tuple[int, GpuFacts]], section: GpusSection) -> ServerTerms:
    """Rising: at each time at which its GPUs or their price changes. What it had first, it has had ever."""
    history = [(_EVER_US, history[0][1]), *history[1:]]
    prices = {facts: section.changes_of(section.price_of(facts.price, facts.kind)) for _, facts in history}
    changes = {since_us for since_us, _ in history} | {
        one.since_us for of_facts in prices.values() for one in of_facts if one.since_us is not None
    }
    found = []
    for at_us in sorted(changes):
        facts = next(facts for since_us, facts in reversed(history) if since_us <= at_us)
        found.append(GpuTerms(at_us, facts.gpus, price_at(prices[facts], at_us), facts.kind))
    kinds = [facts.kind for _, facts in history if facts.kind]
    return ServerTerms(kinds[-1] if kinds else "", section.currency, tuple(found))
