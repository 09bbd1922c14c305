"""The figures of ``allocation_proof``, and the scenes that they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from extproc.allocation.methods import DEFAULT_METHOD
from extproc.statistics.arrays import Floats
from tests.tools.allocation_worlds import ChargeErrors, ProofWorlds
from tests.tools.proof_figures import ProofFigure

TEAM_MEAN: Final = "team_error_mean_"
TEAM_WORST: Final = "worst_team_error_"
REQUEST: Final = "request_error_"
TEAM_MEAN_TARGET, TEAM_WORST_TARGET, REQUEST_TARGET = 0.03, 0.06, 0.06


@dataclass(frozen=True, slots=True)
class AllocationFigure(ProofFigure):
    """``teams``: absolute errors of all teams of all draws, where it is a mean of them."""

    teams: Floats | None = None


@dataclass(frozen=True, slots=True)
class AllocationScene:
    """Some figures."""

    name: str
    figures: Callable[[ProofWorlds], Iterator[AllocationFigure]]


def error_figures(
    name: str, says: str, errors: Sequence[ChargeErrors], targets: bool = False, method: str = DEFAULT_METHOD
) -> Iterator[AllocationFigure]:
    """Of some draws: the mean of all teams, the worst team of all draws, and the mean of requests.

    Args: name: what follows the name of the method.
    """
    teams = np.concatenate([np.abs(one.teams) for one in errors])
    requests = float(np.mean([one.request for one in errors]))
    found = (
        (TEAM_MEAN, "mean of teams", float(teams.mean()), TEAM_MEAN_TARGET, teams),
        (TEAM_WORST, "worst team", float(teams.max()), TEAM_WORST_TARGET, None),
        (REQUEST, "requests", requests, REQUEST_TARGET, None),
    )
    for kind, what, value, target, of_teams in found:
        told = f"{says}: {what}"
        yield AllocationFigure(
            f"{kind}{method}_{name}", told, value, len(errors), target if targets else None, teams=of_teams
        )


def mean_error(errors: Sequence[ChargeErrors]) -> float:
    """Of all teams of all draws."""
    return float(np.concatenate([np.abs(one.teams) for one in errors]).mean())
