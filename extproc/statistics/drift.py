"""The drift of one signal of one version: evidence over named strata, an effect, and an alarm with hysteresis."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

import numpy as np

from extproc.statistics.e_detector import LOG_M_MAX, EDetector
from extproc.statistics.effects import Deviation, DriftEffect, RecentLevels
from extproc.statistics.references import ExpectedValues, Reference, ReferenceState, SignalKind
from extproc.statistics.sums import BlockSums, SumArrays

STRATA_MAX: Final = 8
"""Further strata are left out. Each has its weight from the beginning: evidence must not be divided later."""
_RECENT_ANSWERS: Final = 1_000.0
"""After so many answers older ones count half in the effect that clears an alarm."""
_NOTHING: Final = BlockSums()


class ReferenceKind(StrEnum):
    """What a step of the detector is: a minute where a window is pinned, an hour where hours are compared."""

    PINNED = "pinned"
    SAME_HOURS = "same_hours"


_STEPS_A_MONTH: Final = {ReferenceKind.PINNED: 30 * 24 * 60, ReferenceKind.SAME_HOURS: 30 * 24}
_SLACK: Final = {
    (ReferenceKind.PINNED, SignalKind.RATE): 3.4,
    (ReferenceKind.PINNED, SignalKind.LOG): 1.5,
    (ReferenceKind.SAME_HOURS, SignalKind.RATE): 3.3,
    (ReferenceKind.SAME_HOURS, SignalKind.LOG): 4.5,
}
"""By how much the bound is too careful, as ``make quality-sim`` has measured it."""
LOG_THRESHOLD_MIN: Final = 3.0
"""Of few series and many false alarms the slack would leave nothing: evidence of 20 is the least that is an alarm."""


def log_threshold(
    reference: ReferenceKind,
    kind: SignalKind,
    series: int,
    slack: float | None = None,
    false_alarms_a_month: float = 1.0,
) -> float:
    """The log evidence at which an alarm is raised, for less than so many false alarms a month over all series.

    A series is a signal of a version. While nothing drifts a series raises at most one alarm in ``c`` steps on average
    ([SRR23], average run length of an e-detector), so ``c = series * steps a month`` is enough for one. This bound is
    loose for CUSUM, by the slack that is taken off.

    Args: slack: None: what was measured.
    """
    bound = math.log(max(series, 1) * _STEPS_A_MONTH[reference] / false_alarms_a_month)
    return max(bound - (_SLACK[reference, kind] if slack is None else slack), LOG_THRESHOLD_MIN)


@dataclass(frozen=True, slots=True)
class Drift:
    """What is known after a block.

    ``stratum``: where most of the evidence is; None: in all of them together. ``effect`` and ``answers`` are of there,
    since the step from which on the evidence has grown. ``left_out``: strata that could not be compared. ``recent``: of
    the stratum while there is an alarm, otherwise of all; older answers count less. None: nothing could be compared.
    """

    reference: ReferenceState
    log_evidence: float
    alarm: bool
    stratum: str | None
    effect: DriftEffect | None
    answers: float
    left_out: tuple[str, ...]
    recent: RecentLevels | None


@dataclass(slots=True)
class _Part:
    """All strata together, or one of them."""

    started: int = 1
    since: Deviation = field(default_factory=Deviation)
    recent: Deviation = field(default_factory=Deviation)


@dataclass(slots=True)
class _Raised:
    """An alarm: the log ratio at which it was raised, and the highest log evidence since."""

    log_ratio: float
    highest: float


class SignalDrift:
    """Compares blocks with a reference.

    The alarm is raised when the log evidence reaches ``log_threshold``. It is cleared when both have fallen: the log
    evidence by half of the threshold below its highest, and the effect of recent answers (its log ratio) to half of
    what it was when the alarm was raised, or to the other direction. Then evidence begins again. So the alarm does not
    come and go at one value, and a drift that goes on is not forgotten.

    Args: cleared_share: in place of half.
    """

    def __init__(self, kind: SignalKind, log_threshold: float, cleared_share: float = 0.5) -> None:
        self.kind = kind
        self.log_threshold = log_threshold
        self._cleared_share = cleared_share
        self._strata: list[str] = []
        self._detector = EDetector(kind, (STRATA_MAX,))
        self._parts = [_Part() for _ in range(1 + STRATA_MAX)]
        self._steps = 0
        self._step: int | None = None
        self._raised: _Raised | None = None

    def observe(self, block: Mapping[str, BlockSums], reference: Reference, step: int) -> Drift:
        """Take a block, by stratum. ``step``: the number of its hour or minute, as the reference compares."""
        left_out = self._with_places(block, reference)
        expected = reference.of(self._strata, STRATA_MAX)
        sums = [block.get(name, _NOTHING) for name in self._strata]
        if step != self._step:
            self._begin(step)
        filled = SumArrays.of(sums + [_NOTHING] * (STRATA_MAX - len(sums)))
        stepped = self._detector.observe(filled, expected, step)
        self._compare(sums, expected)
        part = int(np.argmax(self._detector.weighted(stepped)[: 1 + len(self._strata)]))
        log_evidence = float(stepped.log_evidence)
        self._settle_alarm(log_evidence, self._parts[part].recent.log_ratio(self.kind))
        shown = self._parts[part if self._raised else 0]
        return Drift(
            reference=reference.state,
            log_evidence=log_evidence,
            alarm=self._raised is not None,
            stratum=None if part == 0 else self._strata[part - 1],
            effect=self._parts[part].since.effect(self.kind, self._parts[part].started),
            answers=self._parts[part].since.count,
            left_out=left_out,
            recent=shown.recent.levels(self.kind),
        )

    @property
    def step(self) -> int | None:
        """The number of the last block, hour or minute that was taken; None: there was none."""
        return self._step

    @property
    def placed(self) -> tuple[str, ...]:
        """The strata that have a place; they keep it."""
        return tuple(self._strata)

    def as_json(self) -> dict[str, Any]:
        """The state, which `restored` goes on from as if nothing had been between."""
        return {
            "strata": list(self._strata),
            "steps": self._steps,
            "step": self._step,
            "raised": self._raised and asdict(self._raised),
            "detector": self._detector.as_json(len(self._strata)),
            "parts": [
                [one.started, one.since.as_json(), one.recent.as_json()] for one in self._parts[: 1 + len(self._strata)]
            ],
        }

    @classmethod
    def restored(
        cls, kind: SignalKind, log_threshold: float, state: Mapping[str, Any], cleared_share: float = 0.5
    ) -> SignalDrift:
        """From what `as_json` gave; the threshold may be another one."""
        restored = cls(kind, log_threshold, cleared_share)
        restored._strata = list(state["strata"])
        restored._raised = _Raised(**state["raised"]) if state["raised"] else None
        restored._steps, restored._step = state["steps"], state["step"]
        restored._detector.restore(state["detector"])
        for place, (started, since, recent) in enumerate(state["parts"]):
            restored._parts[place] = _Part(started, Deviation(**since), Deviation(**recent))
        return restored

    def _with_places(self, block: Mapping[str, BlockSums], reference: Reference) -> tuple[str, ...]:
        """Give new strata their places. What has answers, but no reference or no place, is left out."""
        left_out = []
        for name in sorted(name for name, sums in block.items() if sums.count > 0.0):
            if reference.usable(name) and name not in self._strata and len(self._strata) < STRATA_MAX:
                self._strata.append(name)
                self._parts[len(self._strata)] = _Part(started=max(self._steps, 1))
            if not reference.usable(name) or name not in self._strata:
                left_out.append(name)
        return tuple(left_out)

    def _begin(self, step: int) -> None:
        """Begin a step: a part without evidence so far starts here."""
        self._steps += 1
        self._step = step
        for part, grows in zip(self._parts, self._detector.growing(), strict=True):
            if not grows:
                part.started, part.since = self._steps, Deviation()

    def _compare(self, sums: list[BlockSums], expected: ExpectedValues) -> None:
        for place, one in enumerate(sums):
            if expected.usable[place] and one.count > 0.0:
                level, error = float(expected.level[place]), float(expected.error[place])
                for part in (self._parts[0], self._parts[1 + place]):
                    part.recent.fade(2.0 ** (-one.count / _RECENT_ANSWERS))
                    part.since.add(one, level, error)
                    part.recent.add(one, level, error)

    def _settle_alarm(self, log_evidence: float, log_ratio: float) -> None:
        bounded = min(log_evidence, LOG_M_MAX)
        if self._raised is None:
            self._raised = _Raised(log_ratio, bounded) if log_evidence >= self.log_threshold else None
            return
        self._raised.highest = max(self._raised.highest, bounded)
        raised_at = self._raised.log_ratio
        effect_fell = log_ratio * math.copysign(1.0, raised_at) <= abs(raised_at) * self._cleared_share
        if effect_fell and bounded <= self._raised.highest - self.log_threshold * (1.0 - self._cleared_share):
            self._raised = None
            self._detector.restart()
