"""Who pays for time in which a server did nothing: a policy that is declared, over what was used in a time."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction
from typing import Final

import numpy as np

from extproc.allocation.largest_remainder import largest_remainder

NOBODY: Final = ""
"""The row of time that no team pays."""


class IdlePolicy(StrEnum):
    """What becomes of idle time."""

    OWN_ROW = "own_row"  # it stays a row of its own
    BY_USE = "by_use"  # teams pay in proportion to what they used
    BY_RESERVATION = "by_reservation"  # teams pay what they reserved and did not use


def idle_by_team(
    policy: IdlePolicy, idle: int, used: Mapping[str, int], reserved: Mapping[str, Fraction]
) -> dict[str, int]:
    """Divide idle time; ``NOBODY`` gets what no team has to pay. It adds up to what was given.

    Args:
        idle: of some servers in some time; used: by team in it. [GPU us]
        reserved: of these servers, by team; at most 1 together.
    """
    if policy is IdlePolicy.BY_USE:
        weights = {team: Fraction(time) for team, time in used.items() if time > 0}
        return _divided(idle, weights) if weights else {NOBODY: idle}
    if policy is IdlePolicy.BY_RESERVATION:
        whole = idle + sum(used.values())
        unused = {team: max(share * whole - used.get(team, 0), Fraction(0)) for team, share in sorted(reserved.items())}
        beyond = max(idle - sum(unused.values(), Fraction(0)), Fraction(0))
        return _divided(idle, unused | {NOBODY: beyond}) if any(unused.values()) else {NOBODY: idle}
    return {NOBODY: idle}


def _divided(total: int, weights: Mapping[str, Fraction]) -> dict[str, int]:
    teams = sorted(weights)
    of = np.array([float(weights[team]) for team in teams])
    found = largest_remainder(of, np.zeros(len(of), dtype=np.int64), np.array([total], dtype=np.int64))
    return {team: time for team, time in zip(teams, found.tolist(), strict=True) if time}
