"""The e-detector: evidence that something has changed at some time, over blocks and strata, of many series at once.

The CUSUM e-detector of [SRR23]: ``M_t = L_t max(M_(t-1), 1)`` for each alternative, and their weighted mean. At every
stopping time its mean is at most that of the number of steps, so while nothing drifts the mean number of steps until
``M >= c`` is at least ``c``, whatever alternatives are mixed.

Strata. Each answer is compared with the reference of its own stratum, so given the past and the stratum of an answer
the mean of its factor is at most 1. The product over strata is therefore evidence as well, however much each of them
sends: a mix that shifts is no drift. It finds what drifts everywhere. Each stratum's own evidence finds what drifts in
one. The product has most of the weight, and the strata share the rest; a weighted mean of e-detectors is one.

Hours. Where hours of two weeks differ by chance, answers of one hour share a deviation of variance ``t``. The
likelihood ratio of normal answers then is that of independent ones to the power ``1 / (1 + t I)``, with the information
``I`` of the hour so far (Sherman and Morrison). So an hour is one step, which is looked at while it grows. With
``t = 0`` the power is 1, and each block is a step.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from extproc.statistics.arrays import Floats
from extproc.statistics.bets import BETS, log_factors, log_mixed
from extproc.statistics.references import ExpectedValues, SignalKind
from extproc.statistics.sums import SumArrays

JOINT_WEIGHT: Final = 0.8
LOG_M_MAX: Final = 22.0
"""No alternative's evidence grows further, so that it falls soon when the drift ends."""
_RECENT_ANSWERS: Final = 2_000.0
"""After so many answers older ones count half in the variance."""
_KNOWN_ANSWERS: Final = 50.0
"""As if so many recent answers had had the variance of the reference."""


class Stepped(NamedTuple):
    """``log_evidence`` of each series. ``log_parts``: of the product over strata, and then of each stratum."""

    log_evidence: Floats
    log_parts: Floats


class EDetector:
    """Of series of one kind: ``shape`` of the series and then of strata."""

    def __init__(self, kind: SignalKind, shape: tuple[int, ...]) -> None:
        self.kind = kind
        self._bets = BETS[kind]
        parts = (*shape[:-1], 1 + shape[-1], len(self._bets.weights))
        self._weights = np.full(1 + shape[-1], (1.0 - JOINT_WEIGHT) / shape[-1])
        self._weights[0] = JOINT_WEIGHT
        self._before = np.zeros(parts)  # log M at the end of the last step
        self._log_m = np.zeros(parts)
        self._sums = SumArrays.zeros(shape)  # of this step
        self._recent = SumArrays.zeros(shape)
        self._step: int | None = None

    def observe(self, block: SumArrays, expected: ExpectedValues, step: int) -> Stepped:
        """Take a block into account. ``step``: the number of the hour, or of the block where blocks are steps."""
        if step != self._step:
            self._close(step)
        self._sums = self._sums.plus(block)
        variance = self._variance(expected)
        factors, information = log_factors(self.kind, self._bets, self._sums, expected, variance)
        self._log_m = self._before + self._parts(factors, information * expected.usable, expected)
        return self.stepped()

    def stepped(self) -> Stepped:
        """The evidence as it stands."""
        parts = log_mixed(self._log_m, self._bets.weights)
        return Stepped(log_mixed(parts, self._weights), parts)

    def weighted(self, stepped: Stepped) -> Floats:
        """What each part adds to the log evidence."""
        return stepped.log_parts + np.log(self._weights)

    def growing(self) -> npt.NDArray[np.bool_]:
        """Which parts have evidence above 1 for any alternative, so that it goes on in a next step."""
        above: npt.NDArray[np.bool_] = np.any(self._log_m > 0.0, axis=-1)
        return above

    def restart(self) -> None:
        """Forget all evidence, and not what is known of the variance."""
        shape = self._sums.count.shape
        self._before, self._log_m = np.zeros_like(self._before), np.zeros_like(self._before)
        self._sums = SumArrays.zeros(shape)

    def _close(self, step: int) -> None:
        self._before = np.clip(self._log_m, 0.0, LOG_M_MAX)
        if self.kind is SignalKind.LOG:
            self._recent = self._recent.times(np.exp2(-self._sums.count / _RECENT_ANSWERS)).plus(self._sums)
        self._sums = SumArrays.zeros(self._sums.count.shape)
        self._step = step

    def _variance(self, expected: ExpectedValues) -> Floats:
        """The reference's, or that of recent answers where it is greater: a wider spread alone is no drift.

        The mean of normal values does not depend on their spread, so the answers of this step may count in it.
        """
        if self.kind is SignalKind.RATE:
            return expected.variance
        recent = self._recent.plus(self._sums)
        spread = recent.variance() * recent.count + expected.variance * _KNOWN_ANSWERS
        return np.maximum(expected.variance, spread / (recent.count + _KNOWN_ANSWERS))

    def _parts(self, factors: Floats, information: Floats, expected: ExpectedValues) -> Floats:
        """The log evidence of this step: of all strata, and of each. By part and alternative."""
        own = 1.0 + expected.own_variance * information
        factors = np.where(expected.usable[..., None], factors, 0.0) / own[..., None]
        information = information / own
        apart = factors / (1.0 + expected.shared_variance * information)[..., None]
        together = 1.0 + expected.shared_variance * np.sum(information, axis=-1)
        joint = np.sum(factors, axis=-2) / together[..., None]
        return np.concatenate([joint[..., None, :], apart], axis=-2)

    def as_json(self, strata: int) -> dict[str, Any]:
        """The state of one series, of its first strata: numbers and lists."""
        return {
            "step": self._step,
            "before": self._before[: 1 + strata].tolist(),
            "log_m": self._log_m[: 1 + strata].tolist(),
            "sums": _listed(self._sums, strata),
            "recent": _listed(self._recent, strata),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of one series; further strata have none."""
        before = np.array(state["before"], dtype=np.float64)
        strata = len(before) - 1
        if before.shape[1:] != self._before.shape[1:] or len(before) > len(self._before):
            raise ValueError(f"state of drift: expected evidence of shape {self._before.shape}, got {before.shape}")
        self._step = state["step"]
        self._before[: 1 + strata] = before
        self._log_m[: 1 + strata] = state["log_m"]
        self._sums, self._recent = (_padded(state[name], self._sums.count.shape[0]) for name in ("sums", "recent"))


def _listed(sums: SumArrays, strata: int) -> list[list[float]]:
    return [one[:strata].tolist() for one in (sums.count, sums.total, sums.squares)]


def _padded(state: list[list[float]], places: int) -> SumArrays:
    count, total, squares = (np.array([*one, *[0.0] * (places - len(one))]) for one in state)
    return SumArrays(count, total, squares)
