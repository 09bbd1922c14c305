"""Feedback to try the ledger with."""

from __future__ import annotations

from typing import Any

from extproc.domain.feedback import FeedbackClaim, FeedbackType, GivenFeedback, RatedExchange
from tests.unit.ledger.samples import NOON_US

WEEK_US = 604_800_000_000
RATED = RatedExchange("ab12-1", NOON_US + 900_000, "search", "index", "night", "tiny", "v2", "f2", "helper", "p1")
"""The sample of an entry, as a feedback finds it."""


def claim(
    type: FeedbackType = FeedbackType.NEGATIVE,
    *,
    exchange: str = "ab12-1",
    response: str = "",
    score: float | None = None,
    comment: str = "",
    team: str = "search",
    user: str = "ann",
    **more: Any,
) -> FeedbackClaim:
    """A feedback for the sample of an entry."""
    given = GivenFeedback(exchange, type, response, score, comment)
    return FeedbackClaim(given, team, user, b"key", **({"age_us_max": WEEK_US, "wait_ms": 20_000} | more))
