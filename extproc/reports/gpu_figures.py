"""GPU time in a report: figures of their own for each method by which it was allocated.

A change of the method is another column, so no figure changes in silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from extproc.reports.gpu_quotas import NO_QUOTAS, TeamQuotas
from extproc.reports.gpu_time import UnpaidTime
from extproc.reports.movers import Movers

_US_PER_S: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuFigures:
    """Of a group, or of all GPUs. Figures of parts add up to those of the whole.

    Attributes:
        used_us, idle_us: GPU time of exchanges, and in which nothing ran. Of a group: what it pays of idle time.
        other_us: GPU time in which servers started, slept, or did what no entry has; of servers only.
        tokens: input and output of the entries that ran on these GPUs.
        energy_mwh: of exchanges, and of what no entry has; see ``gpu_energy``.
        costs: of all this time, by currency [billionths].
        quota_us: GPU time that the quota of a team allows; None: it has none, or this is no team.
    """

    used_us: int = 0
    idle_us: int = 0
    other_us: int = 0
    tokens: int = 0
    energy_mwh: int = 0
    costs: Mapping[str, int] = field(default_factory=dict)
    quota_us: int | None = None

    def plus(self, other: GpuFigures) -> GpuFigures:
        """With those of another part."""
        currencies = {**self.costs, **other.costs}
        quotas = [one.quota_us for one in (self, other) if one.quota_us is not None]
        return GpuFigures(
            used_us=self.used_us + other.used_us,
            idle_us=self.idle_us + other.idle_us,
            other_us=self.other_us + other.other_us,
            tokens=self.tokens + other.tokens,
            energy_mwh=self.energy_mwh + other.energy_mwh,
            costs={name: self.costs.get(name, 0) + other.costs.get(name, 0) for name in sorted(currencies)},
            quota_us=sum(quotas) if quotas else None,
        )

    @property
    def time_us(self) -> int:
        """All that is paid for."""
        return self.used_us + self.idle_us + self.other_us

    @property
    def idle_share(self) -> Fraction | None:
        """Of that time; None: there is none."""
        return Fraction(self.idle_us, self.time_us) if self.time_us else None

    @property
    def quota_use(self) -> Fraction | None:
        """All that is paid for, by what the quota allows; may be above 1. None: there is no quota, or one of 0."""
        return Fraction(self.time_us, self.quota_us) if self.quota_us else None

    @property
    def tokens_per_gpu_second(self) -> Fraction | None:
        """Of all that is paid for; None: there is none."""
        return Fraction(self.tokens * _US_PER_S, self.time_us) if self.time_us else None


NO_GPU_TIME: Final = GpuFigures()


@dataclass(frozen=True, slots=True)
class AllocatedDays:
    """Of the days of a report that have begun: those of which all is allocated, and those of which a part is."""

    asked: int
    whole: int
    in_part: int


@dataclass(slots=True)
class GpuColumns:
    """By one method.

    Attributes:
        rows: by the start of the period, and the group.
        by_period: of all GPUs, with what nobody pays, in the order of the report's periods.
        groups: over all periods. total: of all GPUs over all periods.
        unpaid: what nobody pays of it.
        movers: groups whose GPU time changed most [us]; None: no two periods are allocated that can be compared.
        without_watts_us: GPU time that worked, and has no energy, as nobody says what its kind of GPU draws; None:
            there is no energy at all.
    """

    method: str
    days: AllocatedDays
    rows: Mapping[tuple[int, tuple[str, ...]], GpuFigures]
    by_period: Sequence[GpuFigures]
    groups: Mapping[tuple[str, ...], GpuFigures]
    total: GpuFigures
    unpaid: Sequence[UnpaidTime]
    movers: Movers | None
    without_watts_us: int | None = None


@dataclass(frozen=True, slots=True)
class GpuUsage:
    """``columns``: by each method. ``absent``: why there are none, as a sentence. ``quotas``: of teams."""

    columns: Sequence[GpuColumns]
    absent: str = ""
    quotas: TeamQuotas = NO_QUOTAS
