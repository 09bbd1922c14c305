"""A bill of GPUs, as CSV: what somebody else counted of each server and day. Numbers are read exactly."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Final, NamedTuple

from extproc.reports.claims import BadClaims

COLUMNS: Final = ("day", "server", "gpu_hours", "cost", "currency")
_SERVER_COLUMNS: Final = ("server", "resource")
_US_PER_H: Final = 3_600_000_000
_US_PER_S: Final = 1_000_000
_NANO: Final = 10**9
_HOURS: Final = re.compile(r"\d{1,9}([.]\d{1,12})?")
_COST: Final = re.compile(r"-?\d{1,12}([.]\d{1,9})?")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_DECIMALS_LEAST: Final = 2
_NAME_CHARS_MAX: Final = 300


class BillLine(NamedTuple):
    """Attributes:
    day_us: its midnight, UTC. server: or whatever stands behind an endpoint.
    gpu_us, cost_nano: what is billed [us], [billionths of the currency].
    gpu_rounding_us, cost_rounding_nano: half of the last digit that was written, or of a hundredth if that is less.
    """

    day_us: int
    server: str
    currency: str
    gpu_us: int
    cost_nano: int
    gpu_rounding_us: int
    cost_rounding_nano: int


class BillRow(NamedTuple):
    """A line as it stands in its file. Attributes: place: FILE:LINE. gpus, kind: of its own columns, unchecked."""

    place: str
    line: BillLine
    gpus: str
    kind: str


def is_gpu_bill(content: bytes) -> bool:
    """Whether a file has the column ``gpu_hours``, and is one of the kind."""
    head = content[:10_000].decode("utf-8-sig", "replace").lstrip().partition("\n")[0]
    return "gpu_hours" in head.replace('"', "").replace(" ", "").strip().split(",")


def bill_of(name: str, content: bytes) -> list[BillLine]:
    """The lines of a bill. Args: name: of the file, for messages. Raises: BadClaims."""
    return [one.line for one in rows_of_bill(name, content)]


def rows_of_bill(name: str, content: bytes) -> list[BillRow]:
    """Likewise, with where they stand. Raises: BadClaims."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadClaims(f"{name}: bytes that are not UTF-8") from None
    rows = csv.DictReader(io.StringIO(text, newline=None), skipinitialspace=True)
    try:
        found = list(_rows(name, rows))
    except csv.Error as error:
        raise BadClaims(f"{name}:{rows.line_num + 1}: no CSV: {error}") from None
    if not found:
        raise BadClaims(f"{name}: a bill without a line")
    return found


def _rows(name: str, rows: csv.DictReader[str]) -> Iterator[BillRow]:
    """Raises: BadClaims, csv.Error."""
    head = [one.strip() for one in rows.fieldnames or []]
    rows.fieldnames = head
    missing = [one for one in COLUMNS if one not in head and not (one == "server" and "resource" in head)]
    if missing:
        expected = ", ".join(COLUMNS)
        raise BadClaims(f"{name}:1: the column {missing[0]} is missing. A bill of GPUs has {expected}")
    for row in rows:
        values = {key: (value or "").strip() for key, value in row.items() if isinstance(value, str | None)}
        place = f"{name}:{rows.line_num}"
        try:
            yield BillRow(place, _line(values), values.get("gpus", ""), values.get("kind", ""))
        except ValueError as error:
            raise BadClaims(f"{place}: {error}") from None


def _line(row: Mapping[str, str]) -> BillLine:
    """Raises: ValueError, which says what was expected."""
    server = next((row[one] for one in _SERVER_COLUMNS if row.get(one)), "")
    if not 0 < len(server) <= _NAME_CHARS_MAX:
        raise ValueError("no server: expected its address, as entries have it, or its endpoint of `gpus.servers`")
    if not _CURRENCY.fullmatch(row.get("currency", "")):
        raise ValueError("no currency: expected three letters of ISO 4217, such as USD")
    if not _HOURS.fullmatch(row.get("gpu_hours", "")):
        raise ValueError("gpu_hours is no number of hours, such as 48 or 47.25, of at most 12 decimals")
    if not _COST.fullmatch(row.get("cost", "")):
        raise ValueError("cost is no amount, such as 120.00, of at most 9 decimals, without a sign of the currency")
    gpu_us, gpu_rounding_us = _exact(row["gpu_hours"], _US_PER_H)
    cost_nano, cost_rounding_nano = _exact(row["cost"], _NANO)
    day_us = _midnight_us(row.get("day", ""))
    return BillLine(day_us, server, row["currency"], gpu_us, cost_nano, gpu_rounding_us, cost_rounding_nano)


def _exact(written: str, unit: int) -> tuple[int, int]:
    """In small units, and what rounding of the last digit may have changed."""
    decimals = max(len(written.partition(".")[2]), _DECIMALS_LEAST)
    number = Fraction(written) * unit
    return int((2 * number + 1) // 2), -(-unit // (2 * 10**decimals))


def _midnight_us(written: str) -> int:
    try:
        day = date.fromisoformat(written)
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * _US_PER_S
    except ValueError:
        raise ValueError("day is no day of UTC, such as 2026-11-25") from None
