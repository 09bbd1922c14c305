"""What a bill says of servers: how many GPUs each has, and what they cost from when on. It may become a configuration.

A bill has costs, which were rounded, and no prices. A price of 2.499 an hour is 59.976 a day, billed as 59.98, so cost
by hours changes with the hours of each day though the price does not. So days that follow each other have one price as
long as one explains them all: the exact one if each of them has the same, otherwise the shortest within the rounding of
the bill. How far that is off is told.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Final, NamedTuple

from extproc.config.endpoints import is_name
from extproc.reports.claims import BadClaims
from extproc.reports.gpu_bill import BillLine, BillRow

NO_KIND: Final = "GPU"
"""Of servers whose bill does not say what they have."""
_NANO_DECIMALS: Final = 9
_US_PER_H: Final = 3_600_000_000
_DAY_H: Final = 24
_GPUS_MAX: Final = 4_096
_ENDPOINT_CHARS_MAX: Final = 108
_PRICE_NANO_MAX: Final = 10**15 - 1
_MARGIN_NANO: Final = 1_000
"""Costs of slices are rounded to whole billionths."""
_GPUS: Final = re.compile(r"[1-9][0-9]{0,3}")
_KIND: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}")
_ENDPOINT: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+)(:[0-9]{1,5})?")


class PriceSince(NamedTuple):
    """An hour of a GPU from a day on [billionths]. Attributes: since_us: its midnight; None: ever."""

    since_us: int | None
    nano: int


class BilledServer(NamedTuple):
    """Attributes:
    counted_us: the day by whose hours its GPUs were counted; None: the bill has their number.
    price: name of its prices.
    """

    endpoint: str
    gpus: int
    kind: str
    price: str
    counted_us: int | None


class PricedBill(NamedTuple):
    """Attributes:
    prices: by name, in the order of time.
    off_nano: what these prices make of the bill's hours, less the bill. most_nano: at most of a server and day.
    """

    currency: str
    servers: tuple[BilledServer, ...]
    prices: Mapping[str, tuple[PriceSince, ...]]
    cost_nano: int
    off_nano: Fraction
    most_nano: Fraction


class _Day(NamedTuple):
    """Of one server. ``rounding_nano``: what that may have changed of its cost."""

    day_us: int
    gpu_us: int
    cost_nano: int
    rounding_nano: int

    @property
    def hours(self) -> Fraction:
        """Of all its GPUs."""
        return Fraction(self.gpu_us, _US_PER_H)

    @property
    def price(self) -> Fraction:
        """Of an hour of one GPU [billionths]."""
        return self.cost_nano / self.hours

    @property
    def prices(self) -> tuple[Fraction, Fraction]:
        """The least and the most that explain its cost."""
        room = max(self.rounding_nano - _MARGIN_NANO, 0)
        return (self.cost_nano - room) / self.hours, (self.cost_nano + room) / self.hours


def priced_bill(rows: Sequence[BillRow]) -> PricedBill:
    """What a bill says, of at least one line. Raises: BadClaims: what it does not say, with the line."""
    _check(rows)
    of_servers: dict[str, list[BillRow]] = {}
    for row in rows:
        of_servers.setdefault(row.line.server, []).append(row)
    names: dict[tuple[str, tuple[PriceSince, ...]], str] = {}
    servers = []
    off = most = Fraction(0)
    for endpoint, of_server in of_servers.items():
        days = _days([one.line for one in of_server])
        gpus, counted_us = _gpus(of_server, days)
        kind = _only(of_server, [one.kind for one in of_server], "kind") or NO_KIND
        history = tuple(_history(days))
        if (kind, history) not in names:
            names[kind, history] = _free_name(kind.lower(), set(names.values()))
        servers.append(BilledServer(endpoint, gpus, kind, names[kind, history], counted_us))
        differences = [_price_at(history, one.day_us) * one.hours - one.cost_nano for one in days]
        off += sum(differences)
        most = max(most, *map(abs, differences))
    prices = {name: history for (_, history), name in names.items()}
    for name, history in prices.items():
        if max(one.nano for one in history) > _PRICE_NANO_MAX:
            raise BadClaims(f"the price {name} is above 999999 an hour: gpu_hours are in another unit, or too few")
    cost_nano = sum(one.line.cost_nano for one in rows)
    return PricedBill(rows[0].line.currency, tuple(servers), prices, cost_nano, off, most)


def _check(rows: Sequence[BillRow]) -> None:
    """Raises: BadClaims: a line that has no price."""
    first = rows[0]
    for place, line, gpus, kind in rows:
        if line.currency != first.line.currency:
            expected = f"{first.line.currency}, as {first.place} has"
            raise BadClaims(f"{place}: {line.currency}, expected {expected}: one configuration has one currency")
        if line.cost_nano < 0:
            raise BadClaims(f"{place}: a credit, which is no price of an hour: leave it out")
        if line.gpu_us == 0:
            raise BadClaims(f"{place}: no hours, so its cost is no price of an hour: leave it out")
        if not _ENDPOINT.fullmatch(line.server) or len(line.server) > _ENDPOINT_CHARS_MAX:
            raise BadClaims(f"{place}: the server is no address, such as 10.0.0.7:8000, as entries have it")
        if gpus and (not _GPUS.fullmatch(gpus) or int(gpus) > _GPUS_MAX):
            raise BadClaims(f"{place}: gpus is no whole number from 1 to {_GPUS_MAX}")
        if kind and not _KIND.fullmatch(kind):
            raise BadClaims(f"{place}: kind is no kind of GPU, such as H100-80GB: letters, digits, `.`, `_`, `-`")


# --- GPUs ----------------------------------------------------------------------------------------------------------


def _gpus(rows: Sequence[BillRow], days: Sequence[_Day]) -> tuple[int, int | None]:
    """How many, and by which day they were counted. Raises: BadClaims."""
    written = _only(rows, [one.gpus for one in rows], "gpus")
    longest = max(days, key=lambda one: (one.gpu_us, -one.day_us))
    place = next(one.place for one in rows if one.line.day_us == longest.day_us)
    server = rows[0].line.server
    may_be_several = ":" in server and is_name(server)
    if written:
        room_us = sum(one.line.gpu_rounding_us for one in rows if one.line.day_us == longest.day_us)
        if not may_be_several and longest.gpu_us - room_us > int(written) * _DAY_H * _US_PER_H:
            found = f"{_decimal(longest.hours)} hours in a day"
            raise BadClaims(f"{place}: {found}, and {written} GPUs have {int(written) * _DAY_H}: correct `gpus`")
        return int(written), None
    if may_be_several:
        raise BadClaims(
            f"{place}: {server} is a name, perhaps of several servers: add a column `gpus`, of each of them"
        )
    gpus = longest.hours / _DAY_H
    if gpus.denominator != 1 or gpus > _GPUS_MAX:
        found = f"{_decimal(longest.hours)} hours in its longest day"
        raise BadClaims(f"{place}: {found} are no whole number of GPUs for 24 hours: add a column `gpus`")
    return int(gpus), longest.day_us


def _only(rows: Sequence[BillRow], values: Sequence[str], column: str) -> str:
    """The value of a server, or nothing. Raises: BadClaims: it has two."""
    first = next((place for place, value in enumerate(values) if value), 0)
    for row, value in zip(rows, values, strict=True):
        if value and value != values[first]:
            expected = f"`{values[first]}`, as {rows[first].place} has"
            raise BadClaims(f"{row.place}: {column} `{value}`, expected {expected}: a server has one `{column}`")
    return values[first]


# --- prices --------------------------------------------------------------------------------------------------------


def _days(lines: Sequence[BillLine]) -> list[_Day]:
    """In order, each once."""
    found: dict[int, _Day] = {}
    for one in lines:
        _, gpu_us, cost_nano, rounding_nano = found.get(one.day_us, _Day(one.day_us, 0, 0, 0))
        found[one.day_us] = _Day(
            one.day_us, gpu_us + one.gpu_us, cost_nano + one.cost_nano, rounding_nano + one.cost_rounding_nano
        )
    return [day for _, day in sorted(found.items())]


def _history(days: Sequence[_Day]) -> Iterator[PriceSince]:
    """The prices of a server, each as long as it explains the days that follow."""
    begin, last = 0, None
    while begin < len(days):
        end, price = _longest(days, begin)
        if price != last:
            yield PriceSince(days[begin].day_us if begin else None, price)
        begin, last = end, price


def _longest(days: Sequence[_Day], begin: int) -> tuple[int, int]:
    """Up to which day one price explains all, and that price."""
    least, most = days[begin].prices
    price = _within(days[begin : begin + 1], least, most)
    end = begin + 1
    while end < len(days):
        least, most = max(least, days[end].prices[0]), min(most, days[end].prices[1])
        longer = None if least > most else _within(days[begin : end + 1], least, most)
        if longer is None:
            break
        price, end = longer, end + 1
    return end, round(days[begin].price) if price is None else price


def _within(days: Sequence[_Day], least: Fraction, most: Fraction) -> int | None:
    """The price of days between two limits [billionths]; None: there is none of nine decimals."""
    exact = days[0].price
    if exact.denominator == 1 and all(one.price == exact for one in days):
        return int(exact)
    for decimals in range(_NANO_DECIMALS + 1):
        step = int(10 ** (_NANO_DECIMALS - decimals))
        first, last = -(-least // step), most // step
        if first <= last:
            nearest = round(sum(one.cost_nano for one in days) / sum(one.hours for one in days) / step)
            return min(max(nearest, first), last) * step
    return None


def _price_at(history: Sequence[PriceSince], day_us: int) -> int:
    return next(one.nano for one in reversed(history) if one.since_us is None or one.since_us <= day_us)


def _free_name(name: str, taken: set[str]) -> str:
    numbered = (f"{name[:58]}-{number}" for number in itertools.count(2))
    return next(one for one in itertools.chain([name], numbered) if one not in taken)


def _decimal(number: Fraction) -> str:
    return f"{float(number):.6f}".rstrip("0").rstrip(".")
