"""Holds a bill of GPUs against allocated time: each server and day that differs, and what the difference comes from.

Only rounding explains a difference. All else is told: it is money that nobody here can account for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction
from typing import Final, NamedTuple

from sqlalchemy import Connection

from extproc.ledger.allocation.settled import DAY_US
from extproc.reports.gpu_bill import BillLine
from extproc.reports.gpu_figures import AllocatedDays
from extproc.reports.gpu_sums import AllocatedSpan, allocated_days, endpoints_of_servers
from extproc.reports.gpu_time import GpuQuestion, server_days


class BillCause(StrEnum):
    """What a difference comes from."""

    NOT_IN_BILL = "not_in_bill"  # the server ran that day, and has no line
    NOT_KNOWN = "not_known"  # a line of a server that did not run that day, as far as is known here
    CURRENCY = "currency"  # billed in another one than the configuration's
    HOURS = "hours"  # at the price that is known here
    PRICE = "price"  # what is left of the cost
    ROUNDING = "rounding"  # of what the bill has


class BilledTime(NamedTuple):
    """GPU time [us], and its cost [billionths]."""

    gpu_us: int
    cost_nano: int


_NOTHING: Final = BilledTime(0, 0)


class BillDifference(NamedTuple):
    """Of a server in a day, in one currency. The parts add up to ``theirs`` minus ``ours``."""

    day_us: int
    server: str
    currency: str
    theirs: BilledTime
    ours: BilledTime
    parts: tuple[tuple[BillCause, BilledTime], ...]


class ReconciledBill(NamedTuple):
    """Attributes:
    method: by which time is allocated. days: of the bill, as far as they are.
    compared: servers and days; ``differences``: those that are not the same, by day.
    """

    method: str
    days: AllocatedDays
    compared: int
    differences: list[BillDifference]
    rounding: dict[str, int]


class _Key(NamedTuple):
    day_us: int
    server: str
    currency: str


class _Billed(NamedTuple):
    """Lines of a bill together. ``rounding``: what it may have changed."""

    time: BilledTime
    rounding: BilledTime


def reconciled_bill(connection: Connection, lines: Sequence[BillLine], method: str) -> ReconciledBill:
    """Compare a bill with what was allocated, from its first day to its last. Raises: StoreFailed."""
    theirs = _theirs(lines)
    begin_us = min((one.day_us for one in theirs), default=0)
    end_us = max((one.day_us + DAY_US for one in theirs), default=0)
    ours = _ours(connection, GpuQuestion(method, begin_us, end_us, ()), {one.server for one in lines})
    allocated = allocated_days(connection, AllocatedSpan(method, begin_us, end_us)).values()
    keys = sorted({*theirs, *ours})
    currencies = Counter((key.day_us, key.server) for key in keys)
    found = []
    rounding: dict[str, int] = {}
    for key in keys:
        parts = _parts(theirs.get(key), ours.get(key), has_other_currency=currencies[key.day_us, key.server] > 1)
        rounded = sum(time.cost_nano for cause, time in parts if cause is BillCause.ROUNDING)
        rounding[key.currency] = rounding.get(key.currency, 0) + rounded
        if any(cause is not BillCause.ROUNDING for cause, _ in parts):
            billed = theirs[key].time if key in theirs else _NOTHING
            found.append(BillDifference(*key, billed, ours.get(key, _NOTHING), tuple(parts)))
    whole = sum(allocated)
    days = AllocatedDays((end_us - begin_us) // DAY_US, whole, len(allocated) - whole)
    return ReconciledBill(method, days, len(keys), found, rounding)


def _theirs(lines: Sequence[BillLine]) -> dict[_Key, _Billed]:
    found: dict[_Key, _Billed] = {}
    for one in lines:
        key = _Key(one.day_us, one.server, one.currency)
        before = found.get(key, _Billed(_NOTHING, _NOTHING))
        time, rounding = BilledTime(one.gpu_us, one.cost_nano), BilledTime(one.gpu_rounding_us, one.cost_rounding_nano)
        found[key] = _Billed(_plus(before.time, time), _plus(before.rounding, rounding))
    return found


def _ours(connection: Connection, asked: GpuQuestion, billed: set[str]) -> dict[_Key, BilledTime]:
    """By the names that the bill has: a server's, or that of the endpoint behind which it is."""
    endpoints = endpoints_of_servers(connection)
    found: dict[_Key, BilledTime] = {}
    for of, report in server_days(connection, asked).items():
        endpoint = endpoints.get(of.server, of.server)
        name = endpoint if endpoint in billed and of.server not in billed else of.server
        key = _Key(of.day_us, name, of.currency)
        found[key] = _plus(found.get(key, _NOTHING), BilledTime(report.time, report.cost))
    return found


def _plus(one: BilledTime, other: BilledTime) -> BilledTime:
    return BilledTime(one.gpu_us + other.gpu_us, one.cost_nano + other.cost_nano)


def _minus(one: BilledTime, other: BilledTime) -> BilledTime:
    return BilledTime(one.gpu_us - other.gpu_us, one.cost_nano - other.cost_nano)


def _parts(
    billed: _Billed | None, known: BilledTime | None, *, has_other_currency: bool
) -> list[tuple[BillCause, BilledTime]]:
    """Empty: they agree, to what the bill has of digits."""
    if billed is not None and known is not None:
        return _parts_of_both(billed, known)
    alone = BillCause.NOT_KNOWN if known is None else BillCause.NOT_IN_BILL
    left = _minus(_NOTHING if billed is None else billed.time, known or _NOTHING)
    return [(BillCause.CURRENCY if has_other_currency else alone, left)] if any(left) else []


def _parts_of_both(billed: _Billed, known: BilledTime) -> list[tuple[BillCause, BilledTime]]:
    """Hours that differ cost what an hour costs here; what is then left of the cost is the price, or rounding."""
    time_us, cost_nano = _minus(billed.time, known)
    price = Fraction(known.cost_nano, known.gpu_us) if known.gpu_us else Fraction(0)
    parts = []
    if abs(time_us) > billed.rounding.gpu_us:
        parts.append((BillCause.HOURS, BilledTime(time_us, round(time_us * price))))
        time_us, cost_nano = 0, cost_nano - parts[0][1].cost_nano
    most = billed.rounding.cost_nano + billed.rounding.gpu_us * price
    left = BilledTime(time_us, cost_nano)
    if any(left):
        parts.append((BillCause.ROUNDING if abs(cost_nano) <= most else BillCause.PRICE, left))
    return parts
