"""What exchanges used of GPUs, added up by kind, length and hour: what could be saved is read off it.

Days are divided as ``allocating`` does, by the step costs that they were allocated by, and nothing is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

import numpy as np
from sqlalchemy import Connection

from extproc.allocation.running import SeenExchanges
from extproc.allocation.server_time import ServerState
from extproc.allocation.slices import HOUR_US, UNKNOWN_PRICE, TimeSlices
from extproc.allocation.step_costs import StepCosts
from extproc.allocation.used_cells import UsedCells, UsedHours
from extproc.ledger.allocation.allocating import last_slice_rows
from extproc.ledger.allocation.dividing import AllocationTerms, DividedServer, divided_servers, first_step_costs
from extproc.ledger.allocation.reading import ExchangeKind, read_exchanges_by
from extproc.statistics.arrays import Floats, Ints

_NO: Final = np.zeros(0, dtype=np.int64)


class ModelOfTeam(NamedTuple):
    """A group of ``UsedHours``."""

    team: str
    model: str


_Group = TypeVar("_Group", ExchangeKind, ModelOfTeam)


class IdleHours(NamedTuple):
    """Whole hours in which servers ran nothing. ``gpu_us``: [GPU us], ``cost``: [billionths]."""

    hours: int
    gpu_us: int
    cost: int


class UsedTime(NamedTuple):
    """Attributes:
    kinds: of ``cells``. groups: of ``hours``.
    idle: by kind of GPU.
    currency: of all costs; empty: no server was seen.
    unpriced_us: GPU time that has no price, and so costs nothing here.
    """

    kinds: list[ExchangeKind]
    cells: UsedCells
    groups: list[ModelOfTeam]
    hours: UsedHours
    idle: dict[str, IdleHours]
    currency: str
    unpriced_us: int


class UsedTimeSum:
    """Adds up days, one after another."""

    def __init__(self) -> None:
        self._kinds: dict[ExchangeKind, int] = {}
        self._groups: dict[ModelOfTeam, int] = {}
        self._cells = [UsedCells.none()]
        self._hours = [UsedHours.together(())]
        self._idle: dict[str, IdleHours] = {}
        self._currency = ""
        self._unpriced_us = 0

    def add_day(
        self,
        connection: Connection,
        terms: AllocationTerms,
        span_us: tuple[int, int],
        told: Callable[[int], None] = lambda _: None,
    ) -> None:
        """A day, or a part of it.

        Args: span_us: begin and end, on full hours. told: see ``read_exchanges``.
        Raises: StoreFailed.
        """
        read = read_exchanges_by(ExchangeKind, connection, span_us, told)
        known = last_slice_rows(connection, terms.method, span_us)
        kinds = _places(self._kinds, read.payers)
        groups = _places(self._groups, [ModelOfTeam(one.team, one.model) for one in read.payers])
        for one in divided_servers(connection, terms, span_us, read, first_step_costs(known.values())):
            self._add_server(one, span_us, kinds, groups)
        self._cells = [UsedCells.together(self._cells)]
        self._hours = [UsedHours.together(self._hours)]

    def used(self) -> UsedTime:
        """All of it."""
        return UsedTime(
            list(self._kinds),
            UsedCells.together(self._cells),
            list(self._groups),
            UsedHours.together(self._hours),
            dict(sorted(self._idle.items())),
            self._currency,
            self._unpriced_us,
        )

    def _add_server(self, one: DividedServer, span_us: tuple[int, int], kinds: Ints, groups: Ints) -> None:
        pieces = _Pieces.of(one)
        self._currency = one.server.currency
        self._unpriced_us += int(pieces.gpu_us[pieces.is_unpriced].sum())
        self._cells.append(_cells(one, pieces, span_us, kinds))
        self._hours.append(_hours(one, pieces, groups))
        idle = _idle_hours(one)
        before = self._idle.get(one.server.kind, IdleHours(0, 0, 0))
        self._idle[one.server.kind] = IdleHours(*(ours + its for ours, its in zip(before, idle, strict=True)))


class _Pieces(NamedTuple):
    """What exchanges of the ledger have of slices; arrays of one length.

    Attributes:
        part: of the exchange's time in all slices.
        gpus: of the server in that slice.
    """

    slice: Ints
    exchange: Ints
    gpu_us: Ints
    cost: Ints
    is_unpriced: np.ndarray
    part: Floats
    gpus: Ints

    @classmethod
    def of(cls, one: DividedServer) -> _Pieces:
        allocated, payer = one.allocated, one.exchanges.payer
        ours = payer[allocated.exchange] >= 0
        place, exchange, share = allocated.slice[ours], allocated.exchange[ours], allocated.share[ours]
        price = one.slices.price[place]
        cost = np.rint(share * (np.maximum(price, 0) / HOUR_US)).astype(np.int64)
        whole = _summed(exchange, share, len(payer))[exchange]
        return cls(
            place, exchange, share, cost, price == UNKNOWN_PRICE, share / np.maximum(whole, 1), one.slices.gpus[place]
        )


def _cells(one: DividedServer, pieces: _Pieces, span_us: tuple[int, int], kinds: Ints) -> UsedCells:
    seen, payer = one.exchanges
    count = len(payer)
    gpu_us, cost = (_summed(pieces.exchange, values, count) for values in (pieces.gpu_us, pieces.cost))
    own = one.costs.prefill_us(seen.prompt, np.clip(seen.cached, 0, seen.prompt))
    of_prompts = np.minimum(own[pieces.exchange] * pieces.gpus * pieces.part, pieces.gpu_us)
    prefill_us = _summed(pieces.exchange, of_prompts.astype(np.int64), count)
    ends = ((seen.ended_us > span_us[0]) & (seen.ended_us <= span_us[1])).astype(np.int64)
    tokens = (seen.prompt * ends, seen.cached * ends, seen.written * ends)
    ours = np.flatnonzero((payer >= 0) & ((ends > 0) | (gpu_us > 0)))
    sums = [column[ours] for column in (ends, *tokens, gpu_us, prefill_us, cost)]
    return UsedCells.of_exchanges(kinds[payer[ours]], seen.prompt[ours], seen.written[ours], *sums)


def _hours(one: DividedServer, pieces: _Pieces, groups: Ints) -> UsedHours:
    work = _marginal_us(one.exchanges.seen, one.costs)[pieces.exchange] * pieces.gpus * pieces.part
    hour = one.slices.borders_us[pieces.slice] // HOUR_US
    group = groups[one.exchanges.payer[pieces.exchange]] if len(groups) else _NO
    return UsedHours.together([UsedHours(group, hour, np.rint(work).astype(np.int64), pieces.gpu_us, pieces.cost)])


def _marginal_us(seen: SeenExchanges, costs: StepCosts) -> Floats:
    """What each exchange adds to the steps that it is in. [us]"""
    prompt, written = np.maximum(seen.prompt, 0), np.maximum(seen.written, 0)
    context = prompt + written / (2.0 * np.maximum(seen.sequences, 1))
    decode: Floats = written * (costs.sequence + costs.kv_token * context)
    return costs.prefill_us(prompt, np.clip(seen.cached, 0, prompt)) + decode


def _idle_hours(one: DividedServer) -> IdleHours:
    slices: TimeSlices = one.slices
    states = one.allocated.states
    is_whole = np.diff(slices.borders_us) == HOUR_US
    idle = is_whole & (states[ServerState.IDLE] == HOUR_US * slices.gpus) & (slices.gpus > 0)
    hours = int(idle.sum())
    return IdleHours(
        hours, int(states[ServerState.IDLE][idle].sum()), int((slices.gpus * np.maximum(slices.price, 0))[idle].sum())
    )


def _places(known: dict[_Group, int], values: Sequence[_Group]) -> Ints:
    """The place of each value, which is added if it is new."""
    return np.array([known.setdefault(one, len(known)) for one in values], dtype=np.int64)


def _summed(place: Ints, values: Ints, count: int) -> Ints:
    found = np.zeros(count, dtype=np.int64)
    np.add.at(found, place, values)
    return found
