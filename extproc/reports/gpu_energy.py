"""Energy of GPU time by group: a convention, as one figure for each kind of GPU says what it draws under load.

Only time in which GPUs worked has energy. What they draw while they are idle, start up or sleep, the figure does not
say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from sqlalchemy import Connection

from extproc.allocation.largest_remainder import exact_parts
from extproc.reports.gpu_sums import GpuGroup, LastSlices
from extproc.reports.gpu_time import GpuQuestion

_US_PER_MWH_OF_A_WATT: Final = 3_600_000
CurrencyGroup = tuple[GpuGroup, str]
"""A group, and the currency of its row."""


class GpuEnergy(NamedTuple):
    """Groups and what is unexplained add up to the energy of each kind. [mWh]

    Attributes:
        groups: by group and currency, as the rows of ``GpuReport``; one that is missing has none.
        unexplained: by currency.
        unknown_us: time of kinds whose watts nobody knows. [GPU us]
    """

    groups: Mapping[CurrencyGroup, int]
    unexplained: Mapping[str, int]
    unknown_us: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.groups.values()) + sum(self.unexplained.values())


def energy_mwh(time_us: int, watts: int) -> int:
    """Of some GPU time; half a milliwatt-hour counts as one."""
    return (2 * time_us * watts + _US_PER_MWH_OF_A_WATT) // (2 * _US_PER_MWH_OF_A_WATT)


def gpu_energy(connection: Connection, asked: GpuQuestion, watts: Mapping[str, int]) -> GpuEnergy:
    """By the shares of busy time. Raises: StoreFailed.

    Args: watts: of a GPU under load, by kind.
    """
    groups: dict[CurrencyGroup, int] = {}
    unexplained: dict[str, int] = {}
    unknown_us = 0
    for kind, of_kind in LastSlices(connection, asked.span).worked(asked.by).items():
        if kind not in watts:
            unknown_us += sum(of_kind.groups.values()) + sum(of_kind.unexplained.values())
            continue
        times = [*of_kind.groups.values(), *of_kind.unexplained.values()]
        parts = iter(exact_parts(energy_mwh(sum(times), watts[kind]), times))
        for key in of_kind.groups:
            groups[key] = groups.get(key, 0) + next(parts)
        for currency in of_kind.unexplained:
            unexplained[currency] = unexplained.get(currency, 0) + next(parts)
    return GpuEnergy(groups, unexplained, unknown_us)
