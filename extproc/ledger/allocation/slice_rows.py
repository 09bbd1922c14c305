"""What was allocated to one server, as rows of ``gpu_slices`` and ``gpu_shares``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from extproc.allocation.allocate import AllocatedTime
from extproc.allocation.money import costs_of
from extproc.allocation.server_time import ServerState
from extproc.allocation.slices import UNKNOWN_PRICE, TimeSlices
from extproc.allocation.step_costs import StepCosts
from extproc.allocation.unexplained import NO_ENTRY
from extproc.ledger.allocation.reading import Payer, ServerExchanges
from extproc.statistics.arrays import Ints

UNEXPLAINED: Final = "unexplained"
UNPAID: Final = (ServerState.IDLE.value, ServerState.STARTING.value, ServerState.SLEEPING.value, UNEXPLAINED)
"""Time that no exchange of the ledger used, with a cost of its own."""
NOBODY: Final = -1
"""In place of a payer: work that a server counted, and no entry has."""
_DIGEST_MASK: Final = (1 << 62) - 1


class SliceRow(NamedTuple):
    """One slice, with the shares of its payers.

    Attributes:
        values: columns of ``gpu_slices``, without those of the revision.
        shares: columns of ``gpu_shares`` that are its own.
    """

    values: dict[str, Any]
    shares: list[dict[str, Any]]


def slice_rows(
    read: ServerExchanges, payers: Sequence[Payer], slices: TimeSlices, allocated: AllocatedTime, costs: StepCosts
) -> Iterator[SliceRow]:
    """The slices in which the server existed, in order."""
    payer = read.payer[allocated.exchange]
    by_payer = _summed(allocated.slice, payer, allocated.share, len(slices.gpus))
    number = read.seen.number[allocated.exchange]
    exchanges = np.bincount(allocated.slice[number != NO_ENTRY], minlength=len(slices.gpus))
    digests = _digests(allocated.slice, number, len(slices.gpus))
    for place, of_payers in enumerate(by_payer):
        states = {state.value: int(times[place]) for state, times in allocated.states.items()}
        unexplained = of_payers.pop(NOBODY, 0)
        states[ServerState.BUSY] -= unexplained
        states[UNEXPLAINED] = unexplained
        if not any(states.values()):
            continue
        times = [*of_payers.values(), *(states[name] for name in UNPAID)]
        price = int(slices.price[place])
        paid = costs_of(times, price) if price != UNKNOWN_PRICE else [0] * len(times)
        values = {
            "begin_us": int(slices.borders_us[place]),
            "end_us": int(slices.borders_us[place + 1]),
            "gpus": int(slices.gpus[place]),
            "price": price,
            "step_costs": json.dumps(costs),
            "exchanges": int(exchanges[place]),
            "digest": int(digests[place]),
            "unproven": int(allocated.unproven[place]),
            **states,
            **{f"{name}_cost": cost for name, cost in zip(UNPAID, paid[len(of_payers) :], strict=True)},
        }
        shares = [
            {**payers[number]._asdict(), "gpu_us": time, "cost": cost}
            for (number, time), cost in zip(of_payers.items(), paid, strict=False)
            if time
        ]
        yield SliceRow(values, shares)


def _summed(slice_of: Ints, payer: Ints, share: Ints, slices: int) -> list[dict[int, int]]:
    """By slice, what each payer has, in the order of payers."""
    found: list[dict[int, int]] = [{} for _ in range(slices)]
    order = np.lexsort((payer, slice_of))
    slice_of, payer, share = slice_of[order], payer[order], share[order]
    is_first = np.ones(len(payer), dtype=np.bool_)
    is_first[1:] = (np.diff(slice_of) != 0) | (np.diff(payer) != 0)
    if len(payer):
        sums = np.add.reduceat(share, np.flatnonzero(is_first))
        for place, number, time in zip(
            slice_of[is_first].tolist(), payer[is_first].tolist(), sums.tolist(), strict=True
        ):
            found[place][number] = time
    return found


def _digests(slice_of: Ints, number: Ints, slices: int) -> Ints:
    """Sums of the numbers of exchanges, which do not depend on their order; those without a number are left out."""
    found = np.zeros(slices, dtype=np.int64)
    np.add.at(found, slice_of, np.maximum(number, 0))
    return found & _DIGEST_MASK
