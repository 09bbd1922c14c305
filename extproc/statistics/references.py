"""What a signal is compared with: a pinned window, the version before, or the same hours of last week.

A reference is an estimate. With less than ``EVENTS_MIN`` events over all strata it is none, and raises no alarm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from extproc.statistics.arrays import Floats
from extproc.statistics.sums import BlockSums, SumArrays

EVENTS_MIN: Final = 500
"""Of a reference, over its strata. Of a rate it counts what is rarer: answers with the event, or those without."""
STRATUM_EVENTS_MIN: Final = 30
"""Of a stratum: one with fewer is left out, and the others are compared."""
SMOOTHED_HOURS: Final = 3
TOLERANCE: Final = 1.1
"""For the same hours of last week: a ratio that is no drift."""
WEEKS_LOG_SD: Final = 0.1
"""By how much the same hour of two weeks differs, as the standard deviation of its logarithm."""
_ERRORS: Final = 2.0
"""Standard errors of a pinned reference that are no drift."""
_VARIANCE_MIN: Final = 0.05**2
"""Of a logarithm: values that are constant are taken to be known to 5 %."""
HOURS_A_WEEK: Final = 168


class SignalKind(StrEnum):
    """What a signal's values are."""

    RATE = "rate"  # 1: an answer with the event, 0: one without
    LOG = "log"  # the natural logarithm of a length or duration


class ReferenceState(StrEnum):
    """Whether there is something to compare with."""

    READY = "ready"
    EMPTY = "empty"
    FEW_EVENTS = "few_events"


class ExpectedValues(NamedTuple):
    """What is expected of a block, in the last axis by stratum.

    ``level``: the rate, or the mean logarithm; ``variance``: of one answer; ``error``: the standard error of the
    logarithm of the level. A log ratio up to ``margin`` is no drift. ``own_variance`` and ``shared_variance``: by how
    much an hour differs from another without any drift, in a stratum and in all alike, as variances of log ratios.
    """

    level: Floats
    variance: Floats
    error: Floats
    margin: Floats
    own_variance: Floats
    shared_variance: float
    usable: npt.NDArray[np.bool_]

    def at(self, places: list[int]) -> ExpectedValues:
        """Of strata at these places."""
        return ExpectedValues(
            self.level[..., places],
            self.variance[..., places],
            self.error[..., places],
            self.margin[..., places],
            self.own_variance[..., places],
            self.shared_variance,
            self.usable[..., places],
        )


def pinned(kind: SignalKind, window: SumArrays, tolerance: float = 1.0) -> ExpectedValues:
    """Of a window that somebody has chosen, or of the version before.

    Its level is wrong for as long as it is used, so what lies within two standard errors or ``tolerance`` is no drift.
    It knows no hours: of traffic with a daily rhythm it says that the rhythm is drift.
    """
    level, variance, error = _levels(kind, window)
    margin = np.hypot(math.log(tolerance), _ERRORS * error)
    return ExpectedValues(level, variance, error, margin, np.zeros_like(level), 0.0, usable(kind, window))


def same_hours(
    kind: SignalKind,
    hours: SumArrays,
    week: SumArrays,
    tolerance: float = TOLERANCE,
    weeks_log_sd: float = WEEKS_LOG_SD,
) -> ExpectedValues:
    """Of the three ``hours`` of last week round a block's; ``week`` is all of it.

    Hours of two weeks differ by chance, and so do their estimates. Both are variances of an hour: each hour of last
    week is used three times with a third of the weight, so over many hours it counts as one.
    """
    level, variance, error = _levels(kind, hours)
    margin = np.full_like(level, math.log(tolerance))
    enough = usable(kind, week) & (_events(kind, hours) >= 1.0)
    return ExpectedValues(level, variance, error, margin, SMOOTHED_HOURS * error**2, 2.0 * weeks_log_sd**2, enough)


class Reference:
    """What is expected of each stratum, by its name."""

    def __init__(self, state: ReferenceState, strata: Sequence[str], expected: ExpectedValues) -> None:
        """Args: expected: of the strata, and of one more that has no data."""
        self.state = state
        self._places = {name: place for place, name in enumerate(strata)}
        self._expected = expected

    def usable(self, stratum: str) -> bool:
        """Whether blocks of a stratum can be compared."""
        return stratum in self._places and bool(self._expected.usable[self._places[stratum]])

    def of(self, strata: Sequence[str], places: int) -> ExpectedValues:
        """What is expected of these, in their order, and then of no stratum up to the number of places."""
        picked = [self._places.get(name, -1) for name in strata]
        return self._expected.at(picked + [-1] * (places - len(strata)))


def pinned_reference(kind: SignalKind, window: Mapping[str, BlockSums], tolerance: float = 1.0) -> Reference:
    """`pinned`, from sums by stratum."""
    sums = SumArrays.of([*window.values(), BlockSums()])
    return Reference(_state(kind, sums), list(window), pinned(kind, sums, tolerance))


def same_hours_reference(
    kind: SignalKind,
    week: Mapping[str, Sequence[BlockSums]],
    hour: int,
    tolerance: float = TOLERANCE,
    weeks_log_sd: float = WEEKS_LOG_SD,
) -> Reference:
    """`same_hours`, from the sums of 168 hours by stratum, for blocks of an hour of the week (0: its first)."""
    whole = {name: sum(hours, BlockSums()) for name, hours in week.items()}
    around = {name: hours[hour - 1] + hours[hour] + hours[(hour + 1) % len(hours)] for name, hours in week.items()}
    return hours_reference(kind, around, whole, tolerance, weeks_log_sd)


def hours_reference(
    kind: SignalKind,
    around: Mapping[str, BlockSums],
    week: Mapping[str, BlockSums],
    tolerance: float = TOLERANCE,
    weeks_log_sd: float = WEEKS_LOG_SD,
) -> Reference:
    """`same_hours`, from the sums of three hours and of a week, by stratum. Without these hours it is empty."""
    nothing = BlockSums()
    whole = SumArrays.of([*week.values(), nothing])
    hours = SumArrays.of([*(around.get(name, nothing) for name in week), nothing])
    state = _state(kind, whole) if hours.count.sum() > 0.0 else ReferenceState.EMPTY
    return Reference(state, list(week), same_hours(kind, hours, whole, tolerance, weeks_log_sd))


def _state(kind: SignalKind, window: SumArrays) -> ReferenceState:
    if not window.count.sum() > 0.0:
        return ReferenceState.EMPTY
    return ReferenceState.READY if usable(kind, window).any() else ReferenceState.FEW_EVENTS


def usable(kind: SignalKind, window: SumArrays) -> npt.NDArray[np.bool_]:
    """Which strata can be compared."""
    events = _events(kind, window)
    enough: npt.NDArray[np.bool_] = (events >= STRATUM_EVENTS_MIN) & (
        np.sum(events, axis=-1, keepdims=True) >= EVENTS_MIN
    )
    return enough


def _events(kind: SignalKind, window: SumArrays) -> Floats:
    if kind is SignalKind.RATE:
        return np.minimum(window.total, window.count - window.total)
    return window.count


def _levels(kind: SignalKind, window: SumArrays) -> tuple[Floats, Floats, Floats]:
    """Level, variance and error. A rate is never 0 or 1 (half an event is added), nor a variance 0."""
    if kind is SignalKind.RATE:
        level = (window.total + 0.5) / (window.count + 1.0)
        variance = level * (1.0 - level)
        return level, variance, 1.0 / np.sqrt((window.count + 1.0) * variance)
    variance = np.maximum(window.variance(), _VARIANCE_MIN)
    return window.mean(), variance, np.sqrt(variance / np.maximum(window.count, 1.0))
