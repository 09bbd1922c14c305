"""What others counted: a provider's usage file, or the counters of a vLLM server.

A claim is of a time and a model. A file may be JSON of OpenAI's organization API (usage of completions, costs), or CSV
with its columns or with those of our own (day, model, input_tokens, output_tokens, cost).
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

FILE_BYTES_MAX: Final = 64 * 1_024 * 1_024
_US_PER_S: Final = 1_000_000
_MICRO_USD: Final = 1_000_000
_DAY_S: Final = 86_400
_SECONDS_MAX: Final = 1 << 38  # until the year 10,680: what a database can compare
_COUNT_MAX: Final = 1 << 62
_USD_MAX: Final = 10**12
_DATED: Final = re.compile(r"-\d{4}-\d{2}-\d{2}\Z")
_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "requests": ("requests", "num_model_requests"),
    "input_tokens": ("input_tokens", "prompt_tokens"),
    "cached_tokens": ("cached_tokens", "input_cached_tokens"),
    "output_tokens": ("output_tokens", "completion_tokens"),
}
_COST_COLUMNS: Final = ("cost", "cost_usd", "amount_value")
MEASURES: Final = (*_COLUMNS, "cost_micro_usd")


class BadClaims(ValueError):
    """A file that cannot be read as claims; the message says where and what was expected."""


@dataclass(frozen=True, slots=True)
class UsageClaim:
    """``model``: as the model server is asked for it; empty: of all. ``counts``: by measure, those that there are."""

    start_us: int
    end_us: int
    model: str
    counts: Mapping[str, int]


def claims_of(name: str, content: bytes) -> list[UsageClaim]:
    """The claims of a JSON or CSV file, several of a time and model as one. Raises: BadClaims."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadClaims(f"{name}: bytes that are not UTF-8") from None
    found = _of_json(name, text) if text.lstrip()[:1] in ("{", "[") else _of_csv(name, text)
    return together(found)


def together(claims: Iterable[UsageClaim]) -> list[UsageClaim]:
    """Those of one time and model as one, in the order of time."""
    sums: dict[tuple[int, int, str], dict[str, int]] = {}
    for one in claims:
        counts = sums.setdefault((one.start_us, one.end_us, one.model), {})
        for measure, count in one.counts.items():
            counts[measure] = counts.get(measure, 0) + count
    return [UsageClaim(*key, counts) for key, counts in sorted(sums.items())]


def undated(model: str) -> str:
    """A model without the date that a provider puts behind its name."""
    return _DATED.sub("", model)


# --- OpenAI's API --------------------------------------------------------------------------------------------------


def _of_json(name: str, text: str) -> Iterator[UsageClaim]:
    try:
        page = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise BadClaims(f"{name}: no JSON: {error}") from None
    except RecursionError:
        raise BadClaims(f"{name}: JSON that is nested too deeply") from None
    pages = page if isinstance(page, list) else [page]
    for one in pages:
        buckets = one.get("data") if isinstance(one, dict) else None
        if not isinstance(buckets, list):
            raise BadClaims(f"{name}: expected a page of OpenAI's usage or costs API, or a list of pages")
        for number, bucket in enumerate(buckets):
            try:
                yield from _of_bucket(bucket)
            except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation):
                raise BadClaims(f"{name}: data[{number}] is no bucket of usage or costs") from None
    if pages and isinstance(pages[-1], dict) and pages[-1].get("has_more") is True:
        raise BadClaims(f"{name}: has_more is true: there are further pages. Put all pages into one list")


def _of_bucket(bucket: Any) -> Iterator[UsageClaim]:
    start_us, end_us = (_whole(bucket[key], _SECONDS_MAX) * _US_PER_S for key in ("start_time", "end_time"))
    for result in bucket["results"]:
        counts = {
            measure: _whole(result[column])
            for measure, columns in _COLUMNS.items()
            for column in columns
            if result.get(column) is not None
        }
        if (amount := result.get("amount")) is not None:
            counts["cost_micro_usd"] = _micro_usd(amount["value"], amount.get("currency") or "usd")
        yield UsageClaim(start_us, end_us, str(result.get("model") or ""), counts)


def _micro_usd(value: Any, currency: str) -> int:
    """Raises: ValueError."""
    if currency.lower() != "usd":
        raise ValueError(currency)
    amount = Decimal(str(value))
    if not abs(amount) < _USD_MAX:
        raise ValueError(value)
    return round(amount * _MICRO_USD)


def _whole(value: Any, most: int = _COUNT_MAX) -> int:
    """Raises: ValueError, InvalidOperation."""
    number = Decimal(str(value))
    if not 0 <= number <= most or number != int(number):
        raise ValueError(value)
    return int(number)


# --- CSV -----------------------------------------------------------------------------------------------------------


def _of_csv(name: str, text: str) -> Iterator[UsageClaim]:
    rows = csv.DictReader(io.StringIO(text, newline=None))  # a lone CR is a line end too
    try:
        yield from _of_rows(name, rows)
    except csv.Error as error:
        raise BadClaims(f"{name}:{rows.line_num + 1}: no CSV: {error}") from None


def _of_rows(name: str, rows: csv.DictReader[str]) -> Iterator[UsageClaim]:
    """Raises: BadClaims, csv.Error."""
    head = rows.fieldnames or []
    known = {one for columns in _COLUMNS.values() for one in columns} | set(_COST_COLUMNS)
    if not {"day", "start_time"} & set(head) or not known & set(head):
        raise BadClaims(
            f"{name}:1: expected the columns day (or start_time and end_time), model, input_tokens, output_tokens, cost"
        )
    for row in rows:
        try:
            yield _of_row(row)
        except (ValueError, TypeError, InvalidOperation, OverflowError):
            raise BadClaims(
                f"{name}:{rows.line_num}: expected a day such as 2026-11-25 (or seconds since 1970), whole tokens, and"
                " a cost in USD"
            ) from None


def _of_row(row: Mapping[str, str | None]) -> UsageClaim:
    """Raises: ValueError, TypeError, InvalidOperation, OverflowError."""
    counts = {
        measure: _whole(value)
        for measure, columns in _COLUMNS.items()
        for column in columns
        if (value := (row.get(column) or "").strip())
    }
    for column in _COST_COLUMNS:
        if value := (row.get(column) or "").strip():
            counts["cost_micro_usd"] = _micro_usd(value, row.get("amount_currency") or "usd")
    return UsageClaim(*_times(row), (row.get("model") or "").strip(), counts)


def _times(row: Mapping[str, str | None]) -> tuple[int, int]:
    if day := (row.get("day") or "").strip():
        first = date.fromisoformat(day)
        return _midnight_us(first), _midnight_us(first + timedelta(1))
    start_s = _whole(row["start_time"], _SECONDS_MAX)
    return start_s * _US_PER_S, _whole(row.get("end_time") or start_s + _DAY_S, _SECONDS_MAX) * _US_PER_S


def _midnight_us(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * _US_PER_S
