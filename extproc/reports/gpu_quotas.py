"""Quotas of teams: how many GPUs each may use at once, on average.

The use of a quota is the GPU time that a team pays for, by the time that is allocated times its GPUs: a day that is
half allocated does not look half used. A report has one quota of a team for all of its days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from extproc.config.gpus import DEFAULT_RESOURCE, GpuQuota, GpusSection
from extproc.config.problems import names
from extproc.reports.dimensions import Dimension
from extproc.reports.resource_quotas import ResourceQuotas

_TEAM: Final = "team"
_MILLI: Final = 1_000
NOT_OF_TEAMS: Final = "Quotas are of whole teams: `--by team` shows them, without `--only` of anything else."


class TeamQuota(NamedTuple):
    """``milli_gpus``: thousandths of a GPU. ``namespace``: whose ResourceQuota it is; empty: it is configured."""

    milli_gpus: int
    namespace: str = ""

    def time_us(self, allocated_us: int) -> int:
        """GPU time that it allows. [GPU us] Args: allocated_us: of the clock, whole hours."""
        return self.milli_gpus * allocated_us // _MILLI


class TeamQuotas(NamedTuple):
    """``teams``: those of which a number is known. ``notes``: what is not known or not taken, as sentences."""

    teams: Mapping[str, TeamQuota]
    notes: Sequence[str] = ()


NO_QUOTAS: Final = TeamQuotas(MappingProxyType({}))


def team_quotas(section: GpusSection, given: ResourceQuotas | None) -> TeamQuotas:
    """Of the configuration, and of ResourceQuotas where it names a namespace. Raises: BadQuotas."""
    teams: dict[str, TeamQuota] = {}
    notes: list[str] = []
    without: list[str] = []
    for quota in section.quotas:
        if quota.milli_gpus is not None:
            teams[quota.team] = TeamQuota(quota.milli_gpus)
        elif given is None:
            without.append(quota.team)
        else:
            teams[quota.team] = _of_namespace(quota, given, notes)
    if without:
        notes.append(f"Quotas that ResourceQuotas say are not known without `--resource-quotas`: {names(without)}.")
    return TeamQuotas(teams, notes)


def _of_namespace(quota: GpuQuota, given: ResourceQuotas, notes: list[str]) -> TeamQuota:
    """Raises: BadQuotas."""
    namespace = quota.namespace or ""
    limit = given.limit_of(namespace, quota.resource or DEFAULT_RESOURCE)
    why = "has scopes: it limits some pods only, and is left out."
    notes += [f"The ResourceQuota `{name}` of `{namespace}` {why}" for name in limit.left_out]
    if not limit.gpus:
        notes.append(f"The quota of `{quota.team}` is 0 GPUs, so nothing can be a part of it.")
    return TeamQuota(limit.gpus * _MILLI, namespace)


def is_of_whole_teams(dimensions: Sequence[Dimension], only: Sequence[tuple[Dimension, str]]) -> bool:
    """Whether each group of a report is all of a team."""
    return [one.name for one in dimensions] == [_TEAM] and all(one.name == _TEAM for one, _ in only)
