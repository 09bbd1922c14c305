"""Hard failures: whether the canary fails more often than was declared, within tens of attempts.

Attempts are counted, not answers: a version that answers nobody has none. A unit's attempts count until its first
failure, that one included: ten failures of one user are one event. Where the user's rate is what was declared at most,
that of its next attempt given no failure so far is as well, so correlation within a unit does no harm. To count all
attempts in place of these is valid too, and slower.

An outage of both arms is not the canary's fault. So the label test must say as well that failures follow the canary. It
asks for less than a gate of a comparison does, since it does not stand alone, until the stable version is seen to fail
more than was declared too: then it asks for ``BLAME_IN_OUTAGE``. So an outage of both arms is blamed on the canary with
a probability of at most ``1 / BLAME``, and after its first moments of at most ``1 / BLAME_IN_OUTAGE``.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from extproc.statistics.arrays import Floats
from extproc.statistics.bets import log_mixed, log_odds_factor
from extproc.statistics.label_test import log_label_evidence

UNITS_MIN: Final = 2
"""Units of the canary that failed: one user's trouble is no outage."""
BLAME: Final = 5.0
"""Evidence of the label test for which failures are the canary's; also that of an outage of the stable version."""
BLAME_IN_OUTAGE: Final = 100.0
"""Likewise, while the stable version fails too."""
_ODDS_RATIOS: Final = np.array([2.0, 4.0, 8.0, 16.0, 25.0, 40.0, 100.0, 1_000.0, 10_000.0])
_WEIGHTS: Final = np.array([8.0, 10.0, 14.0, 18.0, 18.0, 14.0, 8.0, 6.0, 4.0]) / 100.0


class HardFailures(NamedTuple):
    """Of one arm. ``attempts``: of units without an earlier failure. ``failed_units``: in the last axis by step."""

    attempts: Floats
    failed_units: Floats


def log_hard_failure(canary: HardFailures, stable: HardFailures, shares: Floats, declared: float) -> Floats:
    """The log of the evidence that the canary's rate of failure is above what was ``declared`` (for instance 0.01).

    The mean over alternatives above it of their likelihood ratio. Not above 0 where fewer than two units failed, or
    where the stable version fails about as often. That only takes evidence away, so it stays valid.

    Args: shares: of the canary, by step. At 1 there is no stable version, and nothing is said.

    Raises: ValueError: a declared rate that is not between 0 and 1.
    """
    if not 0.0 < declared < 1.0:
        raise ValueError(f"declared rate of hard failures: expected a share between 0 and 1, got {declared}")
    evidence = _log_fails(canary, declared)
    in_outage = _log_fails(stable, declared) >= math.log(BLAME)
    blame = log_label_evidence(canary.failed_units, stable.failed_units, shares)
    is_blamed = blame >= np.where(in_outage, math.log(BLAME_IN_OUTAGE), math.log(BLAME))
    counts = (canary.failed_units.sum(axis=-1) >= UNITS_MIN) & is_blamed
    return np.where(counts, evidence, np.minimum(evidence, 0.0))


def _log_fails(arm: HardFailures, declared: float) -> Floats:
    failed = arm.failed_units.sum(axis=-1)[..., None]
    return log_mixed(
        log_odds_factor(np.log(_ODDS_RATIOS), arm.attempts[..., None], failed, np.asarray(declared)), _WEIGHTS
    )
