"""What another threshold would have done to the findings that people have labeled.

Only findings that were made can be judged. A lower threshold than that of their time would add findings that nobody has
seen, and what the guard missed is in no finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from extproc.sinks.review.entries import ReviewLabel, ScoreCount


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The findings of a guard at a threshold; ``kept`` have that score or more.

    Attributes:
        lowest: the lowest score of any finding, labeled or not; None without findings.
        highest: the highest one.
        waiting_kept, waiting_lost: findings without a label.
    """

    guard: str
    threshold: float
    lowest: float | None
    highest: float | None
    right_kept: int
    right_lost: int
    wrong_kept: int
    wrong_lost: int
    waiting_kept: int
    waiting_lost: int

    @property
    def can_be_judged(self) -> bool:
        """Whether the threshold adds no finding that nobody has seen."""
        return self.lowest is not None and self.threshold >= self.lowest


def what_if(guard: str, threshold: float, scores: Sequence[ScoreCount]) -> WhatIf:
    """The effect of a threshold on the findings of a guard."""

    def count(verdict: ReviewLabel | None, kept: bool) -> int:
        return sum(one.number for one in scores if one.verdict is verdict and (one.score >= threshold) is kept)

    seen = [one.score for one in scores]
    return WhatIf(
        guard,
        threshold,
        min(seen, default=None),
        max(seen, default=None),
        count(ReviewLabel.CONFIRM, True),
        count(ReviewLabel.CONFIRM, False),
        count(ReviewLabel.REJECT, True),
        count(ReviewLabel.REJECT, False),
        count(None, True),
        count(None, False),
    )
