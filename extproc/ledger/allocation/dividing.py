"""Divides the time of each server over the exchanges that it ran. Nothing is stored here.

A server whose slices were allocated before is divided by the step costs of then, so that what comes late changes only
what it must.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, RowMapping

from extproc.allocation.allocate import AllocatedTime, divide
from extproc.allocation.counted_steps import counted_steps
from extproc.allocation.running import SeenExchanges, running
from extproc.allocation.server_samples import ServerSamples
from extproc.allocation.server_time import ServerLife
from extproc.allocation.slices import GpuTerms, TimeSlices, slices_between
from extproc.allocation.speculation import computed_tokens
from extproc.allocation.step_costs import StepCosts
from extproc.allocation.unexplained import unexplained_work
from extproc.ledger.allocation.reading import ExchangeKind, Payer, ReadExchanges, ServerExchanges
from extproc.ledger.allocation.slice_rows import NOBODY

_AROUND_US: Final = 3_600_000_000
"""Samples are read so far around a day: an exchange over its border runs alike on both sides."""
_NO: Final = np.zeros(0, dtype=np.int64)
NO_EXCHANGES: Final = ServerExchanges(SeenExchanges(_NO, _NO, _NO, _NO, _NO, _NO, _NO, _NO, np.zeros(0)), _NO)


class ServerTerms(NamedTuple):
    """One server. ``terms``: rising, at least one. ``kind``: of its GPUs where terms do not say it."""

    kind: str
    currency: str
    terms: tuple[GpuTerms, ...]

    def at(self, time_us: int) -> GpuTerms:
        """The terms of a moment. Before the first ones those hold too."""
        return next((one for one in reversed(self.terms) if one.from_us <= time_us), self.terms[0])


class AllocationTerms(NamedTuple):
    """By what time is allocated.

    Attributes:
        method: of ``METHODS``.
        server_of: an address; None: the configuration does not have it.
        lives: of the servers that were asked between two times, by address.
        samples: what a server said of itself between two times.
        files: folder of Parquet files that are read in place of the database, whatever was allocated before.
        step_costs_of: a model and a version.
    """

    method: str
    server_of: Callable[[str], ServerTerms | None]
    lives: Callable[[Connection, int, int], Mapping[str, ServerLife]]
    samples: Callable[[Connection, str, int, int], ServerSamples]
    step_costs_of: Callable[[Connection, str, str], StepCosts]
    files: Path | None = None


class DividedServer(NamedTuple):
    """Attributes:
    exchanges: with one of payer ``NOBODY`` for work that no entry has. ``allocated`` has their places.
    costs: by which it was divided.
    """

    name: str
    server: ServerTerms
    exchanges: ServerExchanges
    slices: TimeSlices
    allocated: AllocatedTime
    costs: StepCosts


def divided_servers(
    connection: Connection,
    terms: AllocationTerms,
    span_us: tuple[int, int],
    read: ReadExchanges[Payer] | ReadExchanges[ExchangeKind],
    before: Mapping[str, StepCosts],
) -> Iterator[DividedServer]:
    """The servers that the configuration has, by name: those that ran an exchange, or existed.

    Args: before: step costs of servers that were divided before.
    Raises: StoreFailed.
    """
    lives = terms.lives(connection, *span_us)
    for name in sorted({*read.servers, *lives}):
        server = terms.server_of(name)
        if server is None:
            continue
        slices = slices_between(*span_us, server.terms)
        exchanges = read.servers.get(name, NO_EXCHANGES)
        costs = before.get(name) or _costs_of(connection, terms, read.payers, exchanges)
        samples = terms.samples(connection, name, span_us[0] - _AROUND_US, span_us[1] + _AROUND_US)
        exchanges = exchanges.computing(computed_tokens(samples))
        counted = counted_steps(samples)
        ran = running(exchanges.seen, costs, counted)
        missing = unexplained_work(samples, ran.served, slices.borders_us, costs)
        if len(missing.number):
            exchanges = exchanges.with_work_of(missing, NOBODY)
            ran = running(exchanges.seen, costs, counted)
        allocated = divide(ran, lives.get(name, ServerLife.unknown()), slices, costs, terms.method)
        yield DividedServer(name, server, exchanges, slices, allocated, costs)


def without_gpus(exchanges: ServerExchanges, server: ServerTerms | None) -> int:
    """How many were sent while nobody knew which GPUs their server had."""
    if server is None:
        return len(exchanges.payer)
    changes = np.array([one.from_us for one in server.terms[1:]], dtype=np.int64)
    gpus = np.array([one.gpus for one in server.terms], dtype=np.int64)
    return int(np.count_nonzero(gpus[np.searchsorted(changes, exchanges.seen.sent_us, "right")] == 0))


def first_step_costs(slices: Iterable[RowMapping]) -> dict[str, StepCosts]:
    """By server, those of its first one of some rows of ``gpu_slices``."""
    found: dict[str, StepCosts] = {}
    for row in slices:
        if row["server"] not in found:
            found[row["server"]] = StepCosts(*json.loads(row["step_costs"]))
    return found


def _costs_of(
    connection: Connection,
    terms: AllocationTerms,
    payers: Sequence[Payer] | Sequence[ExchangeKind],
    exchanges: ServerExchanges,
) -> StepCosts:
    """Of the version that has most exchanges there."""
    counts = Counter(exchanges.payer.tolist())
    payer = payers[counts.most_common(1)[0][0]] if counts else None
    return terms.step_costs_of(connection, "" if payer is None else payer.model, "" if payer is None else payer.version)
