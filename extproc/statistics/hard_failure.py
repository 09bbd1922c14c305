"""Hard failures: whether the canary fails more often than was declared, within tens of attempts.

Attempts are counted, not answers: a version that answers nobody has none. A unit's attempts count until its first
failure, that one included: ten failures of one user are one event. Where the user's rate is what was declared at most,
that of its next attempt given no failure so far is as well, so correlation within a unit does no harm. To count all
attempts in place of these is valid too, and slower.

An outage of both arms is not the canary's fault: its rate must also be well above that of the stable version.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from extproc.statistics.bets import log_mixed, log_odds_factor
from extproc.statistics.sums import Floats

UNITS_MIN: Final = 2
"""Units of the canary that failed: one user's trouble is no outage."""
BLAME_RATIO: Final = 2.0
"""How many times the stable version's rate the canary's must be."""
_ODDS_RATIOS: Final = np.array([2.0, 4.0, 8.0, 16.0, 25.0, 40.0, 100.0, 1_000.0, 10_000.0])
_WEIGHTS: Final = np.array([8.0, 10.0, 14.0, 18.0, 18.0, 14.0, 8.0, 6.0, 4.0]) / 100.0


class HardFailures(NamedTuple):
    """Of one arm: attempts of units without an earlier failure, and units that failed. Arrays of one shape."""

    attempts: Floats
    failed_units: Floats


def log_hard_failure(canary: HardFailures, stable: HardFailures, declared: float) -> Floats:
    """The log of the evidence that the canary's rate of failure is above what was ``declared`` (for instance 0.01).

    The mean over alternatives above it of their likelihood ratio. Not above 0 where fewer than two units failed, or
    where the stable version fails about as often. That only takes evidence away, so it stays valid.

    Raises: ValueError: a declared rate that is not between 0 and 1.
    """
    if not 0.0 < declared < 1.0:
        raise ValueError(f"declared rate of hard failures: expected a share between 0 and 1, got {declared}")
    factors = log_odds_factor(
        np.log(_ODDS_RATIOS), canary.attempts[..., None], canary.failed_units[..., None], np.asarray(declared)
    )
    counts = (canary.failed_units >= UNITS_MIN) & _is_to_blame(canary, stable)
    evidence = log_mixed(factors, _WEIGHTS)
    return np.where(counts, evidence, np.minimum(evidence, 0.0))


def _is_to_blame(canary: HardFailures, stable: HardFailures) -> npt.NDArray[np.bool_]:
    """Against the stable version's rate with one failure more than it had: with no attempts it is taken to be 1."""
    rate = canary.failed_units / np.maximum(canary.attempts, 1.0)
    of_stable = (stable.failed_units + 1.0) / (stable.attempts + 1.0)
    blamed: npt.NDArray[np.bool_] = rate > BLAME_RATIO * of_stable
    return blamed
