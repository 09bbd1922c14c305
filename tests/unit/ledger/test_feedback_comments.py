"""Comments on their way to the review queue."""

from __future__ import annotations

from extproc.domain.record import ExchangeRecord
from extproc.ledger.feedback_comments import FeedbackComments
from tests.unit.ledger.feedback_samples import RATED, claim


class Queue:
    """The review queue, full or not."""

    def __init__(self, has_room: bool = True) -> None:
        self.has_room = has_room
        self.records: list[ExchangeRecord] = []

    def take(self, record: ExchangeRecord) -> bool:
        """One record."""
        self.records.append(record)
        return self.has_room


def test_a_comment_is_the_finding_of_a_guard_of_its_own() -> None:
    """Of the exchange that it is about, with all that led to its answer."""
    queue = Queue()
    assert FeedbackComments(queue).take_comment(claim(score=-1, comment="Wrong year."), RATED)
    (record,) = queue.records
    assert (record.id, record.team, record.project, record.route) == ("ab12-1", "search", "index", "night")
    assert record.version is not None
    assert (record.version.name, record.version.fingerprint, record.version.prompt_fingerprint) == (
        "tiny/v2",
        "f2",
        "p1",
    )
    assert record.notes is not None
    (note,) = record.notes.noted
    assert (note.guard, note.kind, note.action, note.speaker, note.score) == (
        "feedback",
        "negative",
        "flag",
        "user",
        -1.0,
    )
    assert note.text[note.start : note.end] == "Wrong year."
    assert "Wrong" not in repr(record)


def test_a_full_queue_says_so() -> None:
    """Then the client is told that its comment was dropped."""
    assert not FeedbackComments(Queue(has_room=False)).take_comment(claim(comment="no"), RATED)
