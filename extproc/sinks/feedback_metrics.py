"""The metrics of feedback."""

from __future__ import annotations

from extproc.domain.feedback import FEEDBACK
from extproc.domain.record import ExchangeRecord
from extproc.sinks.gathering_registry import GatheringRegistry


class FeedbackMetrics:
    """Counted where it is stored, and, if it is not, by the record of its request."""

    def __init__(self, registry: GatheringRegistry) -> None:
        self._lock = registry.lock
        self._given = registry.counter(
            "llm_user_feedback_total",
            "Feedback of users, once for each exchange, user and type.",
            ("feedback_type", "model", "version"),
        )
        self._refused = registry.counter(
            "llm_user_feedback_refused_total",
            "Feedback that was not taken: `not_found`, `foreign` (an exchange of another team), `too_late`,"
            " `too_many` (for one exchange), `unavailable` (the store), or the code of the error.",
            ("reason",),
        )

    def given(self, feedback_type: str, model: str, version: str) -> None:
        """Count one that is new."""
        with self._lock:
            self._given.add((feedback_type, model, version))

    def count(self, record: ExchangeRecord) -> None:
        """Count a request that was refused. Callers hold the registry's lock."""
        if record.endpoint == FEEDBACK and record.reason:
            self._refused.add((record.feedback_refusal or record.reason,))
