"""The section `budgets`: how much teams, projects or budget codes may spend in a period."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from extproc.config.route_conditions import zone_of
from extproc.config.routes import TimeZone
from extproc.config.section import Name, Section
from extproc.domain.budget_periods import BudgetPeriod, CalendarSpan, calendar_period, range_period
from extproc.domain.budgets import BUDGET_MAX, BudgetScope, BudgetUnit

BudgetKey = Annotated[str, StringConstraints(min_length=1, max_length=100)]
BudgetDay = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
    Field(json_schema_extra={"patternErrorMessage": "a day, such as `2026-11-30`"}),
]
SharePercent = Annotated[int, Field(ge=1, le=100)]
WhenExhausted = Literal["block", "downgrade"]
WhenUnknown = Literal["allow", "block"]


class Budget(Section):
    """One budget. Needs `ledger`, which has the sums."""

    name: Name = Field(description="name in commands")
    per: BudgetScope = Field(description="each team, project or budget code has the amount for itself")
    match: tuple[BudgetKey, ...] = Field(default=(), description="those that have it; empty: all")
    of: BudgetUnit = Field(
        description="what is counted. tokens: of prompts and responses. gpu_seconds: GPU time of exchanges, which is "
        "known one to two hours later; needs `gpus`"
    )
    amount: int = Field(ge=1, le=BUDGET_MAX, description="how much each of them has in a period")
    period: CalendarSpan | None = Field(
        default=None,
        description="how long the amount lasts: a day, a week (from Monday) or a month; each begins at midnight",
    )
    first_day: BudgetDay | None = Field(
        default=None, description="in place of `period`: the first day on which it counts"
    )
    last_day: BudgetDay | None = Field(default=None, description="likewise the last one, included")
    timezone: TimeZone = Field(default="UTC", description="IANA time zone of its days")
    warn_at: tuple[SharePercent, ...] = Field(
        default=(80,),
        description="shares of it at which a warning is logged and counted, once for each key and period [percent]",
    )

    on_exhausted: WhenExhausted | None = Field(
        default=None,
        description="what happens when nothing is left. block: requests are refused (429). downgrade: routes with "
        "`budget_exhausted` apply. Default: it is only warned of",
    )
    when_unknown: WhenUnknown | None = Field(
        default=None,
        description="with `on_exhausted`: what holds while nobody knows what is spent. allow: as if something was "
        "left. block: requests are refused (503)",
    )
    unknown_after_s: int = Field(
        default=60, ge=5, le=86_400, description="with `on_exhausted`: from which age on sums count as unknown"
    )

    def period_at(self, now_us: int) -> BudgetPeriod:
        """The period that a moment is in; a range of days is the same at every moment. Of a budget that was checked."""
        zone = zone_of(self.timezone)
        if self.period is not None:
            return calendar_period(self.period, zone, now_us)
        assert self.first_day is not None
        assert self.last_day is not None
        return range_period(date.fromisoformat(self.first_day), date.fromisoformat(self.last_day), zone)
