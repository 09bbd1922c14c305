"""Sample ratio mismatch: whether units fall on both arms by the share that was declared, at every look.

Count units when they are first seen, not exchanges: a few heavy users alone break a test of exchanges. A mismatch means
that assignment or counting depends on the arm, and then no comparison is to be trusted.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from extproc.statistics.arrays import Floats

CONCENTRATION: Final = 100.0
"""Of the prior round the declared share: about a tenth of it is looked for first."""
_lgamma = np.frompyfunc(math.lgamma, 1, 1)


def log_mismatch(canary: Floats, stable: Floats, shares: Floats) -> Floats:
    """The log of the evidence that units do not follow the shares; the product over steps, of new units only.

    [LM22] Theorem 1 with a Dirichlet prior ``k theta``: ``B(k theta + S) / B(k theta) / prod theta_i^S_i``.

    Args: canary, stable: units first seen, in the last axis by step. shares: of the canary; at 0 or 1 nothing is told.
    """
    tells = (shares > 0.0) & (shares < 1.0)
    share = np.where(tells, shares, 0.5)
    posterior = _log_beta(CONCENTRATION * share + canary, CONCENTRATION * (1.0 - share) + stable)
    prior = _log_beta(CONCENTRATION * share, CONCENTRATION * (1.0 - share))
    by_step = posterior - prior - canary * np.log(share) - stable * np.log1p(-share)
    return np.sum(np.where(tells, by_step, 0.0), axis=-1)


def _log_beta(first: Floats, second: Floats) -> Floats:
    found = _lgamma(first) + _lgamma(second) - _lgamma(first + second)
    return np.asarray(found, dtype=np.float64)
