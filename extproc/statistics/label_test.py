"""The label test of first events: whether events fall on the canary more often than its share, exactly, at every look.

A unit (what the hash assigns: a user, a conversation) counts once: at its first event in the whole rollout its arm and
the step are noted. Where the canary is no worse, that arm is a coin of the share in force, whatever the hour, the drift
of both arms, the activity of users or the correlation within a unit. So the evidence is exact, with no asymptotics.

The lowest alternative is a ratio of 1.25, so the evidence for less than about 1.12 sinks however much is counted.

Two conditions. A unit counts once for each gate: a second event of it is no coin. And never promote by this test: with
a ratio above 1 it errs on the side of the canary, because units that have had their event are gone.

[LM22], the inhomogeneous Bernoulli process, with a one-sided grid of alternatives in place of the Dirichlet prior.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from extproc.statistics.arrays import Floats
from extproc.statistics.bets import log_mixed, log_odds_factor

_RATIOS: Final = np.array([1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 20.0, 60.0, 300.0])
_WEIGHTS: Final = np.array([8.0, 12.0, 12.0, 14.0, 12.0, 10.0, 8.0, 6.0, 6.0, 5.0, 4.0, 3.0]) / 100.0


def log_label_evidence(canary: Floats, stable: Floats, shares: Floats, ratio: float = 1.0) -> Floats:
    """The log of the evidence that the rate of the canary is more than ``ratio`` times that of the stable version.

    With ``q0 = p r / (p r + 1 - p)`` the probability of the label "canary" at the edge, it is the mean over
    alternatives of ``prod_steps (q / q0)^canary ((1 - q) / (1 - q0))^stable``, where ``q`` has odds that are so many
    times those of ``q0``.

    Args:
        canary: units with their first event in the canary, in the last axis by step.
        stable: the same of the stable version.
        shares: of the canary in each step, above 0 and at most 1. At 1 there is nothing to compare.
        ratio: of rates that is no harm yet.
    """
    edge = shares * ratio / (shares * ratio + 1.0 - shares)
    factors = log_odds_factor(
        np.log(_RATIOS), (canary + stable)[..., None], canary[..., None], np.asarray(edge)[..., None]
    )
    return log_mixed(np.sum(factors, axis=-2), _WEIGHTS)
