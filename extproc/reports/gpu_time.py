"""GPU time by team or other names, with what nobody used: sums of what was allocated, the last revision of each slice.

Money of several currencies is never added up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Final, NamedTuple

from sqlalchemy import Connection

from extproc.allocation.idle import NOBODY, IdlePolicy, idle_by_team
from extproc.allocation.largest_remainder import exact_parts
from extproc.allocation.server_time import ServerState
from extproc.config.gpus import MILLION, GpusSection, reserved_millionths
from extproc.ledger.allocation.slice_rows import UNEXPLAINED
from extproc.reports.gpu_energy import energy_parts_mwh
from extproc.reports.gpu_sums import (
    NO_SLICES,
    AllocatedSpan,
    GpuGroup,
    LastSlices,
    ServerDay,
    SliceCounts,
    TimeAndCost,
    endpoints_of_servers,
)

IDLE: Final = ServerState.IDLE.value
_NONE_RESERVED: Final[Mapping[str, Mapping[str, Fraction]]] = MappingProxyType({})
_NO_WATTS: Final[Mapping[str, int]] = MappingProxyType({})
_TEAM: Final = "team"


class GpuQuestion(NamedTuple):
    """What is asked for.

    Attributes:
        begin_us, end_us: slices that begin in this time.
        by: names of ``gpu_sums.DIMENSIONS``.
        idle: who pays for idle time; ``reserved``: shares of servers, by server and team.
        only: such names with the value that a row must have. What nobody pays is no team's or model's: it
            is left out, unless all of them are servers.
        watts: of a GPU under load, by kind; without it there is no energy.
    """

    method: str
    begin_us: int
    end_us: int
    by: tuple[str, ...]
    idle: IdlePolicy = IdlePolicy.OWN_ROW
    reserved: Mapping[str, Mapping[str, Fraction]] = _NONE_RESERVED
    only: tuple[tuple[str, str], ...] = ()
    watts: Mapping[str, int] = _NO_WATTS

    @property
    def span(self) -> AllocatedSpan:
        """Of which slices."""
        return AllocatedSpan(self.method, self.begin_us, self.end_us)


class GpuRow(NamedTuple):
    """Attributes:
    group: values of the dimensions.
    currency: of the cost.
    used, idle: GPU time of its exchanges, and of its part in idle time [us].
    used_cost, idle_cost: of these [billionths].
    energy: of its exchanges [mWh].
    """

    group: GpuGroup
    currency: str
    used: int
    used_cost: int
    idle: int = 0
    idle_cost: int = 0
    energy: int = 0

    @property
    def time(self) -> int:
        """All that it pays for. [us]"""
        return self.used + self.idle

    @property
    def cost(self) -> int:
        """Of that. [billionths]"""
        return self.used_cost + self.idle_cost


class UnpaidTime(NamedTuple):
    """Time of a state that no group pays. ``time``: [us], ``cost``: [billionths], ``energy``: of what is unexplained
    [mWh].
    """

    state: str
    currency: str
    time: int
    cost: int
    energy: int = 0


class GpuReport(NamedTuple):
    """Rows and what is unpaid add up to the time of all GPUs, to its cost and to its energy.

    Attributes:
        rows: those that pay most first.
        slices: that were found. unpriced: of these, without a price. revised: with an earlier revision.
        unproven: time after the last samples of servers, which is bounded by the interval of samples [us].
        without_watts: time that would have energy, if it was known what its kind of GPU draws [us].
    """

    rows: list[GpuRow]
    unpaid: list[UnpaidTime]
    slices: int
    unpriced: int
    revised: int
    unproven: int = 0
    without_watts: int = 0

    @property
    def time(self) -> int:
        """Of all GPUs. [us]"""
        return sum(one.time for one in self.rows) + sum(one.time for one in self.unpaid)

    @property
    def cost(self) -> int:
        """Of that, if all is of one currency. [billionths]"""
        return sum(one.cost for one in self.rows) + sum(one.cost for one in self.unpaid)

    @property
    def energy(self) -> int:
        """Of the time in which GPUs worked. [mWh]"""
        return sum(one.energy for one in self.rows) + sum(one.energy for one in self.unpaid)


def gpu_report(connection: Connection, asked: GpuQuestion) -> GpuReport:
    """Add up what was allocated. Raises: StoreFailed."""
    return sum_of_reports(gpu_days(connection, asked).values())


def gpu_days(connection: Connection, asked: GpuQuestion) -> dict[int, GpuReport]:
    """By the midnight of each day that has any. Idle time is divided by what was used in its day.

    Raises: StoreFailed.
    """
    counts = _last_slices(connection, asked).counts()
    days: dict[int, list[GpuReport]] = {day_us: [] for day_us in sorted(counts)}
    for key, found in server_days(connection, asked).items():
        days[key.day_us].append(found)
    return {day_us: sum_of_reports(found)._replace(**counts[day_us]._asdict()) for day_us, found in days.items()}


def server_days(connection: Connection, asked: GpuQuestion) -> dict[ServerDay, GpuReport]:
    """Of each server in each day, at each price; without the counts of slices. Raises: StoreFailed."""
    last = _last_slices(connection, asked)
    names = tuple(dict.fromkeys((*asked.by, _TEAM, *(name for name, _ in asked.only))))
    used, shown = last.used(names), _Shown(asked, names)
    return {key: _of_server(shown, key, used.get(key, {}), states) for key, states in last.unpaid().items()}


def server_tokens(connection: Connection, asked: GpuQuestion) -> dict[tuple[int, str], dict[GpuGroup, int]]:
    """Input and output of the entries that ran there, by the day in which they began, and by server.

    Raises: StoreFailed.
    """
    names = tuple(dict.fromkeys((*asked.by, "server", *(name for name, _ in asked.only))))
    shown = _Shown(asked, names)
    found: dict[tuple[int, str], dict[GpuGroup, int]] = {}
    for day_us, groups in _last_slices(connection, asked).tokens(names).items():
        for values, tokens in groups.items():
            if tokens and (group := shown.group_of(values)) is not None:
                of_server = found.setdefault((day_us, values[names.index("server")]), {})
                of_server[group] = of_server.get(group, 0) + tokens
    return found


def _last_slices(connection: Connection, asked: GpuQuestion) -> LastSlices:
    return LastSlices(connection, asked.span)


def sum_of_reports(reports: Iterable[GpuReport]) -> GpuReport:
    """Of several times, as of one."""
    sums, counts = _GroupSums(), NO_SLICES
    for one in reports:
        counts = SliceCounts(*map(sum, zip(counts, (one.slices, one.unpriced, one.revised, one.unproven), strict=True)))
        sums.without_watts += one.without_watts
        for row in one.rows:
            sums.add_used(row.group, row.currency, TimeAndCost(row.used, row.used_cost), row.energy)
            sums.add_idle(row.group, row.currency, TimeAndCost(row.idle, row.idle_cost))
        for state in one.unpaid:
            sums.add_unpaid(state.state, state.currency, TimeAndCost(state.time, state.cost), state.energy)
    return sums.report(counts)


def reserved_shares(connection: Connection, section: GpusSection) -> dict[str, dict[str, Fraction]]:
    """By server and team: each server behind an endpoint is reserved as the endpoint is."""
    endpoints = {
        one.endpoint: {team: Fraction(part, MILLION) for team, part in reserved_millionths(one).items()}
        for one in section.servers
    }
    found = {server: endpoints.get(name, {}) for server, name in endpoints_of_servers(connection).items()}
    return found | endpoints


class _Shown:
    """Which groups are asked for, of those that the database has. ``names``: of their values."""

    def __init__(self, asked: GpuQuestion, names: Sequence[str]) -> None:
        self.asked = asked
        self.names = names
        self._by = [names.index(name) for name in asked.by]
        self._only = [(names.index(name), value) for name, value in asked.only]

    def group_of(self, values: GpuGroup) -> GpuGroup | None:
        """The values that are asked for; None: it does not meet the conditions."""
        if any(values[place] != value for place, value in self._only):
            return None
        return tuple([values[place] for place in self._by])

    def without_use(self, team: str, server: str) -> GpuGroup:
        """The group of a team that used nothing of a server."""
        known = {_TEAM: team, "server": server}
        return tuple([known.get(name, "") for name in self.names])

    def has_unpaid_of(self, server: str) -> bool:
        """Whether time that nobody pays is asked for."""
        return all((name, value) == ("server", server) for name, value in self.asked.only)


class _GroupSums:
    """Rows as they are added up: [us], [billionths] and [mWh], by group or state, and currency."""

    def __init__(self) -> None:
        self.without_watts = 0
        self._rows: dict[tuple[GpuGroup, str], list[int]] = {}
        self._unpaid: dict[tuple[str, str], list[int]] = {}

    def add_used(self, group: GpuGroup, currency: str, added: TimeAndCost, energy: int) -> None:
        """By exchanges of a group."""
        sums = self._rows.setdefault((group, currency), [0, 0, 0, 0, 0])
        _add(sums, 0, added)
        sums[4] += energy

    def add_idle(self, group: GpuGroup, currency: str, added: TimeAndCost) -> None:
        """That a group pays."""
        _add(self._rows.setdefault((group, currency), [0, 0, 0, 0, 0]), 2, added)

    def add_unpaid(self, state: str, currency: str, added: TimeAndCost, energy: int) -> None:
        """That nobody pays."""
        sums = self._unpaid.setdefault((currency, state), [0, 0, 0])
        _add(sums, 0, added)
        sums[2] += energy

    def report(self, counts: SliceCounts) -> GpuReport:
        """All of it, in order."""
        rows = [GpuRow(group, currency, *values) for (group, currency), values in self._rows.items()]
        rows.sort(key=lambda one: (-one.time, one.group, one.currency))
        unpaid = [UnpaidTime(state, currency, *sums) for (currency, state), sums in sorted(self._unpaid.items())]
        return GpuReport(rows, [one for one in unpaid if one.time], *counts, self.without_watts)


def _add(sums: list[int], place: int, added: TimeAndCost) -> None:
    sums[place] += added.time
    sums[place + 1] += added.cost


def _of_server(
    shown: _Shown, key: ServerDay, groups: Mapping[GpuGroup, TimeAndCost], states: Mapping[str, TimeAndCost]
) -> GpuReport:
    sums = _GroupSums()
    watts, unexplained = shown.asked.watts.get(key.kind), states[UNEXPLAINED].time
    in_order = sorted(groups.items())  # what rounding leaves goes to the same group in every database
    *energies, of_nobody = energy_parts_mwh([*(used.time for _, used in in_order), unexplained], watts or 0)
    for (values, used), energy in zip(in_order, energies, strict=True):
        if (group := shown.group_of(values)) is not None:
            sums.add_used(group, key.currency, used, energy)
            sums.without_watts += used.time if watts is None else 0
    payers, idle_left = _idle_parts(shown, key.server, groups, states[IDLE])
    for values, idle in payers.items():
        if (group := shown.group_of(values)) is not None:
            sums.add_idle(group, key.currency, idle)
    if shown.has_unpaid_of(key.server):
        sums.without_watts += unexplained if watts is None else 0
        for state, unpaid in states.items():
            energy = of_nobody if state == UNEXPLAINED else 0
            sums.add_unpaid(state, key.currency, idle_left if state == IDLE else unpaid, energy)
    return sums.report(NO_SLICES)


def _idle_parts(
    shown: _Shown, server: str, groups: Mapping[GpuGroup, TimeAndCost], idle: TimeAndCost
) -> tuple[dict[GpuGroup, TimeAndCost], TimeAndCost]:
    """What groups pay of a server's idle time in a day, and what nobody pays.

    A team's part is divided by what its groups used.
    """
    if shown.asked.idle is IdlePolicy.OWN_ROW or not idle.time:
        return {}, idle
    of_teams: dict[str, list[GpuGroup]] = {}
    for values in groups:
        of_teams.setdefault(_named(values[shown.names.index(_TEAM)]), []).append(values)
    used = {name: sum(groups[one].time for one in of_team) for name, of_team in of_teams.items()}
    reserved = {_named(team): share for team, share in shown.asked.reserved.get(server, {}).items()}
    times: dict[GpuGroup, int] = {}
    nobody = 0
    for name, time in idle_by_team(shown.asked.idle, idle.time, used, reserved).items():
        if name == NOBODY:
            nobody = time
        elif not used.get(name):
            times[shown.without_use(name[1:], server)] = time
        else:
            parts = exact_parts(time, [groups[one].time for one in of_teams[name]])
            times |= dict(zip(of_teams[name], parts, strict=True))
    *costs, cost_of_nobody = exact_parts(idle.cost, [*times.values(), nobody])
    paid = {group: TimeAndCost(time, cost) for (group, time), cost in zip(times.items(), costs, strict=True)}
    return paid, TimeAndCost(nobody, cost_of_nobody)


def _named(team: str) -> str:
    """So that a team without a name is not ``NOBODY``."""
    return f"={team}"
