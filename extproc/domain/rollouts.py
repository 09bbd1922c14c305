"""A rollout from one version of a model to another: what several packages say of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

UNITS: Final = 65_536
"""Into so many numbers the sticky keys of a rollout are hashed; what has one number counts as one unit."""
BUCKETS: Final = 256
"""Into so many groups units are added up, by arm, for variances."""

WARM_UP_STEP: Final = 0
"""The step of exchanges in the warm-up of a rollout, which are not compared."""


class Arm(StrEnum):
    """Which of the two versions an exchange was given."""

    STABLE = "stable"  # the version that a rollout goes from
    CANARY = "canary"  # the one that it goes to


class RolloutArm(NamedTuple):
    """The part of an exchange in a rollout.

    Attributes:
        rollout: its id.
        step: from 1 on; 0: of the first, in its warm-up.
        unit: the hash of the sticky key, below ``UNITS``.
    """

    rollout: str
    step: int
    arm: Arm
    unit: int


class RolloutPhase(StrEnum):
    """Where a rollout stands."""

    RUNNING = "running"
    PAUSED = "paused"  # the share stays, and evidence is added; nothing is decided
    PROMOTED = "promoted"  # all goes to the canary
    ROLLED_BACK = "rolled_back"  # all goes to the stable version
    INCONCLUSIVE = "inconclusive"  # the time was over; the share stays, or went back to 0
    BROKEN_OFF = "broken_off"  # what was compared is not there any more: all goes to the stable version


class ControllerVerdict(StrEnum):
    """What controllers of deliveries hear about a rollout; there is no other word."""

    ADVANCE = "advance"  # the last look went on to this step
    HOLD = "hold"  # nothing is shown yet
    ROLL_BACK = "roll_back"  # the last look shows harm; it goes back in a moment
    PAUSED = "paused"  # by a person
    PROMOTED = "promoted"  # over: all goes to the canary
    ROLLED_BACK = "rolled_back"  # over: all goes to the stable version
    INCONCLUSIVE = "inconclusive"  # over: its time ended without an answer
    BROKEN_OFF = "broken_off"  # over: what was compared is not there any more
    STALE = "stale"  # the store was not read for long, so nothing is known


NOT_HARMED: Final = frozenset(
    {ControllerVerdict.ADVANCE, ControllerVerdict.HOLD, ControllerVerdict.PAUSED, ControllerVerdict.PROMOTED}
)
"""Verdicts in which nothing speaks against the canary."""

OPEN: Final = frozenset({RolloutPhase.RUNNING, RolloutPhase.PAUSED})
"""Phases in which something is compared."""


class RolloutShare(NamedTuple):
    """What a process that serves has to know of a rollout.

    Attributes:
        id: unique in the store.
        stable, canary: names of versions of the model.
        stable_fingerprint, canary_fingerprint: of the revisions that are compared; with others there is no rollout.
        stable_weight, canary_weight: of the configuration when it began; edited by hand, they win. None: any.
        teams: whose traffic takes part; empty: that of all.
        step: from 1 on; 0: of the first, in its warm-up.
        share: of the units of both versions that get the canary, from 0 to 1.
        measures: whether exchanges are compared; otherwise only the weights are those of the rollout.
        by_mesh: whether a mesh shares the traffic, and role guard compares; otherwise role route does both.
    """

    id: str
    model: str
    stable: str
    canary: str
    stable_fingerprint: str
    canary_fingerprint: str
    stable_weight: int | None
    canary_weight: int | None
    teams: tuple[str, ...]
    step: int
    share: float
    measures: bool
    by_mesh: bool
