"""The sums of budgets for the workers of a machine: a file in the spool's folder, written by the shipper.

A worker reads it again as soon as it is another one. It replaces the one before as a whole, so no half of it is ever
there; whatever else stands in it is told by ``BudgetFileUnusable``, and counts as no sums.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

import orjson

from extproc.domain.budget_periods import BudgetPeriod
from extproc.domain.budgets import BudgetScope, BudgetSums, BudgetUnit

BUDGET_FILE: Final = "budgets.json"
FORMAT: Final = 1
_NEW: Final = ".new"


class BudgetFileUnusable(Exception):
    """A file that is not of this release. The message says what it is."""


class BudgetFile(NamedTuple):
    """Its content.

    Attributes:
        at_us: when the sums were read from the store, since 1970. [us]
        spools: up to which sequence number each spool is in the sums.
    """

    at_us: int
    spools: Mapping[str, int]
    sums: tuple[BudgetSums, ...]


def write_budget_file(root: Path, content: BudgetFile) -> None:
    """Replace the file. Raises: OSError. Args: root: of the spool."""
    budgets = [
        {
            **one._asdict(),
            "period": list(one.period),
            "keys": list(one.keys),
            "spent": [spent for spent, _ in one.keys.values()],
            "granted": [granted for _, granted in one.keys.values()],
        }
        for one in content.sums
    ]
    text = orjson.dumps({"format": FORMAT, "at_us": content.at_us, "spools": content.spools, "budgets": budgets})
    new = root / f"{BUDGET_FILE}{_NEW}"
    opened = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(opened, "wb") as file:
        file.write(text)
    new.replace(root / BUDGET_FILE)


def parse_budget_file(text: bytes) -> BudgetFile:
    """Read its content. Raises: BudgetFileUnusable."""
    try:
        tree = orjson.loads(text)
        if tree["format"] != FORMAT:
            raise BudgetFileUnusable("another release wrote it")
        return BudgetFile(_whole(tree["at_us"]), _numbers(tree["spools"]), tuple(map(_sums, tree["budgets"])))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BudgetFileUnusable("it is damaged") from None


def _sums(tree: Mapping[str, Any]) -> BudgetSums:
    per, of, name = tree["per"], tree["of"], tree["name"]
    if per not in get_args(BudgetScope) or of not in get_args(BudgetUnit) or not isinstance(name, str):
        raise TypeError
    start_us, end_us = map(_whole, tree["period"])
    in_flight = {spool: _numbers(by_key) for spool, by_key in tree["in_flight"].items()}
    late_us = tree.get("late_us", 0)  # an earlier release has no unit that may be late
    period = BudgetPeriod(start_us, end_us)
    return BudgetSums(name, per, of, period, _keys(tree), in_flight, None if late_us is None else _whole(late_us))


def _keys(tree: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Without a step of the interpreter for each key: there may be many, and this is done each second."""
    names, spent, granted = tree["keys"], tree["spent"], tree["granted"]
    if not ({*map(type, names)} <= {str} and {*map(type, spent), *map(type, granted)} <= {int}):
        raise TypeError
    return dict(zip(names, zip(spent, granted, strict=True), strict=True))


def _numbers(tree: Mapping[str, Any]) -> dict[str, int]:
    return {name: _whole(value) for name, value in tree.items()}


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError
    return value
