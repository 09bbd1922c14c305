"""The section `drift`: with what answers are compared, and when that is an alarm."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Literal

from pydantic import Field

from extproc.config.budgets import BudgetDay
from extproc.config.section import FilePath, Name, Section

DriftReference = Literal["last_week", "previous_version", "pinned"]


class DriftSection(Section):
    """Compares the signals of each version with a reference, and raises an alarm when they drift. Needs `ledger`, which
    has their sums, and the filter `signals`.
    """

    reference: DriftReference = Field(
        default="last_week",
        description="what a version is compared with. last_week: the same hours of last week. previous_version: the "
        "one of its model that came before it. pinned: a window of its own answers. The last two know no hours: of "
        "traffic with a daily rhythm they say that the rhythm is drift",
    )
    first_answers: int | None = Field(
        default=None,
        ge=1_000,
        le=10_000_000,
        description="with `reference: pinned`: the window is so many answers of a version, from its first on",
    )
    first_day: BudgetDay | None = Field(
        default=None, description="likewise, in place of `first_answers`: the first day of the window (UTC)"
    )
    last_day: BudgetDay | None = Field(default=None, description="likewise the last one, included")
    signals: tuple[Name, ...] = Field(default=(), description="signals that are compared; empty: all")
    false_alarms_a_month: float = Field(
        default=1.0,
        ge=0.01,
        le=100.0,
        description="how many false alarms there may be in a month, over all versions and signals. With more, drift is "
        "found sooner",
    )
    tolerance_percent: int | None = Field(
        default=None,
        ge=0,
        le=100,
        description="a difference up to this is no drift. Default: 10 for `last_week`, otherwise 0 [percent]",
    )
    weeks_differ_percent: int = Field(
        default=10,
        ge=1,
        le=100,
        description="with `reference: last_week`: by how much the same hour of two weeks differs by chance, as a "
        "standard deviation [percent]",
    )
    cleared_at_percent: int = Field(
        default=50,
        ge=10,
        le=90,
        description="an alarm ends when the effect has fallen to this part of what it was, and the evidence by the "
        "rest of its threshold [percent]",
    )
    strata_max: int = Field(
        default=64,
        ge=1,
        le=1_000,
        description="pairs of route and team that have sums of their own; further ones are counted together",
    )
    webhook_file: FilePath | None = Field(
        default=None, description="file with a URL to which alarms are posted; default: none"
    )

    def window_us(self) -> tuple[int, int] | None:
        """From when until when the pinned window lasts [us since 1970]; None: it is not one of days."""
        if self.first_day is None or self.last_day is None:
            return None
        first, last = date.fromisoformat(self.first_day), date.fromisoformat(self.last_day) + timedelta(days=1)
        start, end = (datetime(one.year, one.month, one.day, tzinfo=UTC).timestamp() for one in (first, last))
        return int(start) * 1_000_000, int(end) * 1_000_000
