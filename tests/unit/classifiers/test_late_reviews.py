"""A late finding reaches the review queue like any other: with its origin, and text only where it may be kept."""

from __future__ import annotations

import pytest

from extproc.classifiers.late_reviews import LateReviews
from extproc.domain.classification import LateFinding, Origin
from extproc.domain.finding import Finding
from extproc.domain.record import Action, ExchangeRecord
from extproc.domain.text import Direction, Speaker

ORIGIN = Origin("exchange-1", "chat", "red", "apollo", "default", None, "rev-1")


@pytest.mark.parametrize(("excerpt_chars_max", "text"), [(100, "bad text"), (None, "")])
def test_a_late_finding_is_an_entry_of_the_queue(excerpt_chars_max: int | None, text: str) -> None:
    """One note, on a record that holds nothing else."""
    taken: list[ExchangeRecord] = []

    class Queue:
        def exchange_ended(self, record: ExchangeRecord) -> None:
            taken.append(record)

    finding = Finding("ABUSE", 0, 8, 0.9, "classifier.abuse")
    late = LateFinding(ORIGIN, "guard", Direction.RESPONSE, Action.FLAG, Speaker.ASSISTANT, finding, "bad text")
    LateReviews(Queue(), excerpt_chars_max).found_late(late)
    (record,) = taken
    assert (record.id, record.revision, record.team, record.policy) == ("exchange-1", "rev-1", "red", "default")
    assert record.notes is not None
    (note,) = record.notes.noted
    assert (note.guard, note.kind, note.score, note.speaker, note.text) == ("guard", "ABUSE", 0.9, "assistant", text)
    assert (record.findings, record.texts) == ({}, None)
