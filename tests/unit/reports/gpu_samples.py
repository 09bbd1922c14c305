"""Allocated GPU time to report on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from extproc.allocation.methods import DEFAULT_METHOD
from extproc.allocation.slices import HOUR_US
from extproc.config.gpus import GpusSection
from extproc.ledger.allocation.allocating import allocate_day
from extproc.ledger.allocation.dividing import ServerTerms
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.entry import LedgerEntry
from extproc.ledger.store import LedgerStore
from extproc.reports.dimensions import dimension_of, dimensions_of
from extproc.reports.gpu_columns import add_gpu_time
from extproc.reports.gpu_quotas import NO_QUOTAS, TeamQuotas
from extproc.reports.periods import DayRange, PeriodSize, zone_of
from extproc.reports.query import LedgerQuery
from extproc.reports.report import Question, Report, report_of
from tests.unit.ledger.allocation.samples import MIDNIGHT_US, ONE, OTHER, SERVERS, ran, terms

FIRST_DAY: Final = date(2026, 11, 29)
SECTION: Final = GpusSection.model_validate(
    {
        "idle": "by_use",
        "servers": (
            {"endpoint": ONE, "gpus": 2, "kind": "H100", "price": "p"},
            {"endpoint": OTHER, "gpus": 1, "kind": "L4", "price": "p"},
        ),
        "prices": ({"name": "p", "per_gpu_hour": "2.5"},),
    }
)


def days_of_traffic(days: int, *, quiet: Sequence[int] = ()) -> list[LedgerEntry]:
    """Of two servers, three teams and two models from the first day on; one exchange runs over each midnight."""
    found = []
    for day in range(days):
        for number in range(0 if day in quiet else 12):
            found.append(
                ran(
                    1_000 * day + number,
                    day * DAY_US + (number * 37 % 23) * HOUR_US,
                    40_000_000 + (number + day) * 1_000_003,
                    server=(ONE, OTHER)[number % 2],
                    team=("search", "chat", "")[(number + day) % 3],
                    project=("index", "", "web")[number % 3],
                    model=("tiny", "org/large")[number % 4 // 3],
                )
            )
        found.append(ran(1_000 * day + 999, (day + 1) * DAY_US - 60_000_000, 120_000_000, team="late"))
    return found


def busy_for(number: int, begin_us: int, lasts_us: int, **changed: Any) -> LedgerEntry:
    """An exchange that keeps its server busy for all its time: its first token came at once."""
    first_us = MIDNIGHT_US + begin_us + 1_000
    return ran(number, begin_us, lasts_us, **({"first_token_at_us": first_us} | changed))


def allocate(
    store: LedgerStore,
    days: int,
    method: str = DEFAULT_METHOD,
    first: int = 0,
    servers: Mapping[str, ServerTerms] = SERVERS,
) -> None:
    """Days, at their end."""
    for day in range(first, first + days):
        begin_us = MIDNIGHT_US + day * DAY_US
        allocate_day(store, terms(servers, method), (begin_us, begin_us + DAY_US), begin_us + DAY_US)


def gpu_report_of(
    store: LedgerStore,
    days: int,
    by: str = "team",
    size: PeriodSize = PeriodSize.DAY,
    *,
    first: int = 0,
    zone: str = "UTC",
    only: tuple[tuple[str, str], ...] = (),
    section: GpusSection = SECTION,
    now_us: int = 2**60,
    quotas: TeamQuotas = NO_QUOTAS,
) -> Report:
    """A report of days from a first one on, with GPU time."""
    begin = FIRST_DAY + timedelta(first)
    of_days = DayRange(begin, begin + timedelta(days - 1), zone_of(zone), zone)
    conditions = [(dimension_of(name), value) for name, value in only]
    question = Question(of_days, size, dimensions_of(by), conditions)
    with store.reading() as connection:
        made = report_of(question, LedgerQuery(connection, question.dimensions, conditions), now_us, lambda _: None)
        add_gpu_time(connection, section, question, made, now_us, quotas=quotas)
    return made
