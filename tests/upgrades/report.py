"""What a run noticed, as a committed report, from which ``docs/upgrades.md`` has its table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.upgrades.answers import Noticed

REPORT: Final = Path(__file__).parent / "report.json"


@dataclass(frozen=True, slots=True)
class UpgradeRow:
    """One upgrade or crash, done again and again.

    Attributes:
        in_flight: of those that failed.
        shapeless: errors that are not in the API's shape.
        slowest_s: of the answers that are no long streams.
    """

    what: str
    times: int
    requests: int
    failed: int
    in_flight: int
    unguarded: int
    shapeless: int
    slowest_s: float


@dataclass(frozen=True, slots=True)
class UpgradeReport:
    """All of a run."""

    date: str
    machine: str
    rate: int
    seconds: float
    rows: tuple[UpgradeRow, ...]


def row_of(what: str, noticed: Noticed) -> UpgradeRow:
    """Its figures."""
    return UpgradeRow(
        what=what,
        times=len(noticed.moments),
        requests=len(noticed.received),
        failed=len(noticed.failed),
        in_flight=len(noticed.in_flight),
        unguarded=noticed.unguarded,
        shapeless=noticed.shapeless,
        slowest_s=round(noticed.slowest_s, 2),
    )


def write_report(date: str, machine: str, rate: int, seconds: float, rows: Sequence[UpgradeRow]) -> None:
    """Into ``REPORT``."""
    report = UpgradeReport(date, machine, rate, seconds, tuple(rows))
    REPORT.write_text(json.dumps(asdict(report), indent=1) + "\n")


def read_report() -> UpgradeReport:
    """The committed one."""
    data = json.loads(REPORT.read_text())
    return UpgradeReport(**{**data, "rows": tuple(UpgradeRow(**row) for row in data["rows"])})
