"""A report: the usage of each group in each period, the sums of both, and what changed since the period before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from extproc.reports.dimensions import Dimension
from extproc.reports.gpu_figures import GpuUsage
from extproc.reports.latencies import DurationTable
from extproc.reports.movers import Mover, Movers, largest_changes
from extproc.reports.periods import BadRange, DayRange, Period, PeriodSize, period_before, periods_of
from extproc.reports.query import Group, LedgerQuery, PeriodUsages
from extproc.reports.usage import COUNTS, GroupUsage, Measure

ROWS_MAX: Final = 200_000
_US_PER_MS: Final = 1_000
_QUANTILES: Final = {
    "duration_p50_ms": ("duration", 0.5),
    "duration_p95_ms": ("duration", 0.95),
    "first_token_p50_ms": ("first_token", 0.5),
    "first_token_p95_ms": ("first_token", 0.95),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A usage with its quantiles; names as in ``GroupUsage``. Durations are None where there are none. [ms]"""

    exchanges: int
    refused: int
    failed: int
    estimated: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cost_micro_usd: int
    refusals: int
    findings: int
    duration_p50_ms: int | None
    duration_p95_ms: int | None
    first_token_p50_ms: int | None
    first_token_p95_ms: int | None

    def measured(self, measure: Measure) -> int:
        """The figure that a measure takes."""
        if measure is Measure.COST:
            return self.cost_micro_usd
        return self.exchanges if measure is Measure.REQUESTS else self.prompt_tokens + self.completion_tokens


def _figures(usage: GroupUsage, quantiles: Mapping[str, int | None]) -> Figures:
    values: dict[str, Any] = {name: getattr(usage, name) for name in COUNTS} | dict(quantiles)
    return Figures(**values)


NOTHING: Final = _figures(GroupUsage(), dict.fromkeys(_QUANTILES))


def figures_of(usages: PeriodUsages) -> dict[int, Figures]:
    """The figures of each group."""
    tables = {"duration": usages.durations, "first_token": usages.first_tokens}
    quantiles = {name: tables[kind].quantiles_us(share) for name, (kind, share) in _QUANTILES.items()}
    return {
        number: _figures(usage, {name: _milliseconds(found.get(number)) for name, found in quantiles.items()})
        for number, usage in usages.sums.items()
    }


def _milliseconds(duration_us: float | None) -> int | None:
    return None if duration_us is None else round(duration_us / _US_PER_MS)


def _together(usages: PeriodUsages) -> PeriodUsages:
    """All groups as one."""
    usage = GroupUsage()
    for one in usages.sums.values():
        usage.add(one)
    return PeriodUsages({0: usage}, usages.durations.as_one_group(), usages.first_tokens.as_one_group())


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A group in a period. ``before``: in the period before; None: the two are not of the same length, or the group has
    GPU time and no entry.
    """

    period: Period
    group: Group
    figures: Figures
    before: Figures | None


@dataclass(slots=True)
class Report:
    """All that every format shows.

    Attributes:
        only: pairs of a dimension and its value.
        by_period: of all groups, in the order of ``periods``.
        groups: over all periods, the largest first.
        movers: None: no two periods can be compared.
        gpu: None: the configuration has no GPUs.
    """

    days: DayRange
    size: PeriodSize
    measure: Measure
    dimensions: Sequence[str]
    only: Sequence[tuple[str, str]]
    periods: Sequence[Period]
    rows: list[ReportRow] = field(default_factory=list)
    by_period: list[Figures] = field(default_factory=list)
    groups: list[tuple[Group, Figures]] = field(default_factory=list)
    total: Figures = NOTHING
    movers: Movers | None = None
    gpu: GpuUsage | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What a report is about. ``measure``: None: cost, or tokens where nothing has a price."""

    days: DayRange
    size: PeriodSize
    dimensions: Sequence[Dimension]
    only: Sequence[tuple[Dimension, str]] = ()
    measure: Measure | None = None


def report_of(question: Question, query: LedgerQuery, now_us: int, told: Callable[[Period], None]) -> Report:
    """Ask the ledger, period by period, and compare.

    Args: told: is called before each period is read.
    Raises: BadRange.
    """
    before = period_before(question.days, question.size, now_us)
    reading = _Reading(question, query.groups, periods_of(question.days, question.size, now_us))
    for period in (before, *reading.periods):
        told(period)
        reading.take(period, query.usages(period))
    return reading.report()


class _Reading:
    """Periods as they are read."""

    def __init__(self, question: Question, groups: Mapping[Group, int], periods: Sequence[Period]) -> None:
        self._question = question
        self._numbers = groups
        self.periods = periods
        self._figures: list[tuple[Period, dict[int, Figures]]] = []
        self._by_period: list[Figures] = []
        self._whole = PeriodUsages()
        self._rows_count = 0

    def take(self, period: Period, usages: PeriodUsages) -> None:
        """The next period; the first one is only compared with."""
        self._figures.append((period, figures_of(usages)))
        if len(self._figures) == 1:
            return
        self._rows_count += len(usages.sums)
        if self._rows_count > ROWS_MAX:
            raise BadRange(f"more than {ROWS_MAX:,} rows; group --by fewer names, or take a longer --period")
        self._by_period.append(figures_of(_together(usages))[0])
        for number, usage in usages.sums.items():
            self._whole.sums.setdefault(number, GroupUsage()).add(usage)
        self._whole.durations = DurationTable.sum_of([self._whole.durations, usages.durations])
        self._whole.first_tokens = DurationTable.sum_of([self._whole.first_tokens, usages.first_tokens])

    def report(self) -> Report:
        """All of them."""
        asked, total = self._question, figures_of(_together(self._whole))[0]
        has_prices = any(one.cost_micro_usd for _, figures in self._figures for one in figures.values())
        measure = asked.measure or (Measure.COST if has_prices else Measure.TOKENS)
        return Report(
            asked.days,
            asked.size,
            measure,
            [one.name for one in asked.dimensions],
            [(one.name, value) for one, value in asked.only],
            self.periods,
            self._rows(measure),
            self._by_period,
            self._ordered(figures_of(self._whole), measure),
            total,
            self._movers(measure),
        )

    def _pairs(self) -> list[tuple[int, bool]]:
        """The number of each period, and whether it can be compared with the one before."""
        whole = self._question.size is PeriodSize.TOTAL
        return [
            (number, whole or (period.complete and self._figures[number - 1][0].complete))
            for number, (period, _) in enumerate(self._figures[1:], start=1)
        ]

    def _rows(self, measure: Measure) -> list[ReportRow]:
        rows = []
        for number, comparable in self._pairs():
            (_, earlier), (period, figures) = self._figures[number - 1 : number + 1]
            for group, one in self._ordered(figures, measure):
                rows.append(
                    ReportRow(period, group, one, earlier.get(self._numbers[group], NOTHING) if comparable else None)
                )
        return rows

    def _movers(self, measure: Measure) -> Movers | None:
        comparable = [number for number, is_comparable in self._pairs() if is_comparable]
        if not comparable or not self._question.dimensions:
            return None
        (earlier_period, earlier), (period, figures) = self._figures[comparable[-1] - 1 : comparable[-1] + 1]
        moved = [
            Mover(group, *(one.get(number, NOTHING).measured(measure) for one in (earlier, figures)))
            for group, number in self._numbers.items()
        ]
        return Movers(earlier_period, period, largest_changes(moved))

    def _ordered(self, figures: Mapping[int, Figures], measure: Measure) -> list[tuple[Group, Figures]]:
        named = [(group, figures[number]) for group, number in self._numbers.items() if number in figures]
        return sorted(named, key=lambda one: (-one[1].measured(measure), -one[1].exchanges, one[0]))
