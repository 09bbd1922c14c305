"""Which GPUs a server had, and what they cost: as it was written down when the server was asked, else as configured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from extproc.allocation.slices import GpuTerms
from extproc.config.gpus import GpusSection, PriceChange, price_at
from extproc.ledger.allocation.sample_tables import GPU_SERVERS

EVER_US = 0


class HeldGpus(NamedTuple):
    """From a time on [us since 1970]. Attributes: price: name of it."""

    since_us: int
    gpus: int
    kind: str
    price: str


class ServerTerms(NamedTuple):
    """One server. ``terms``: rising, at least one. ``kind``: of its GPUs, as they were last."""

    kind: str
    currency: str
    terms: tuple[GpuTerms, ...]


def server_finder(connection: Connection, section: GpusSection) -> Callable[[str], ServerTerms | None]:
    """Finds the terms of a server by its address in entries. None: nobody knows it."""
    columns = GPU_SERVERS.c
    held: dict[str, list[HeldGpus]] = {
        one.endpoint: [HeldGpus(EVER_US, one.gpus, one.kind, one.price)] for one in section.servers
    }
    noted: dict[str, list[HeldGpus]] = {}
    for row in connection.execute(select(GPU_SERVERS).order_by(columns.server, columns.since_us)).mappings():
        noted.setdefault(row["server"], []).append(HeldGpus(row["since_us"], row["gpus"], row["kind"], row["price"]))
    held |= noted

    def find(server: str) -> ServerTerms | None:
        its = held.get(server)
        return None if its is None else ServerTerms(its[-1].kind, section.currency, _terms(its, section))

    return find


def _terms(held: Sequence[HeldGpus], section: GpusSection) -> tuple[GpuTerms, ...]:
    """From each time on at which the GPUs change, or their price does."""
    found = []
    for place, one in enumerate(held):
        begin_us = EVER_US if place == 0 else one.since_us
        end_us = held[place + 1].since_us if place + 1 < len(held) else None
        changes = section.changes_of(one.price)
        within = [begin_us, *_changes_between(changes, begin_us, end_us)]
        found += [GpuTerms(at_us, one.gpus, price_at(changes, at_us)) for at_us in within]
    return tuple(found)


def _changes_between(changes: Sequence[PriceChange], begin_us: int, end_us: int | None) -> list[int]:
    times = [one.since_us for one in changes if one.since_us is not None]
    return [at_us for at_us in times if at_us > begin_us and (end_us is None or at_us < end_us)]
