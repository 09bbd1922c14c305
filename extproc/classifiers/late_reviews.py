"""Late findings for the review queue, which takes findings with the record of their exchange."""

from __future__ import annotations

from typing import Protocol

from extproc.domain.beside import LateFinding
from extproc.domain.finding import Evidence
from extproc.domain.record import ExchangeRecord
from extproc.domain.review import FindingNotes


class RecordSink(Protocol):
    """Whoever takes records with notes: the review queue."""

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """Take one. It must not wait."""
        ...


class LateReviews:
    """Gives each late finding a record that says where it comes from and holds nothing else.

    Args: excerpt_chars_max: text around a finding that may be kept, on either side; None: no text.
    """

    def __init__(self, sink: RecordSink, excerpt_chars_max: int | None) -> None:
        self._sink = sink
        self._excerpt_chars_max = excerpt_chars_max

    def found_late(self, finding: LateFinding) -> None:
        """Hand one on."""
        origin = finding.origin
        notes = FindingNotes(self._excerpt_chars_max)
        evidence = Evidence(finding.finding, finding.text, finding.speaker.value)
        notes.add(finding.guard, finding.direction.value, finding.action.value, False, evidence)
        self._sink.exchange_ended(
            ExchangeRecord(
                origin.exchange_id,
                origin.revision,
                0,
                endpoint=origin.endpoint,
                team=origin.team,
                project=origin.project,
                policy=origin.policy,
                version=origin.version,
                notes=notes,
            )
        )
