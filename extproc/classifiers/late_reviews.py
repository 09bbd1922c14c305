"""Late findings for the review queue, which accepts findings as part of an exchange's record."""

from __future__ import annotations

from typing import Protocol

from extproc.domain.classification import LateFinding
from extproc.domain.finding import Evidence
from extproc.domain.record import ExchangeRecord
from extproc.domain.review import FindingNotes


class RecordSink(Protocol):
    """The review queue, which accepts records with notes."""

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """Take one. Must not block."""
        ...


class LateReviews:
    """Wraps each late finding in a record with its origin and nothing else.

    Args: excerpt_chars_max: context on either side of a finding; None: no text.
    """

    def __init__(self, sink: RecordSink, excerpt_chars_max: int | None) -> None:
        self._sink = sink
        self._excerpt_chars_max = excerpt_chars_max

    def found_late(self, finding: LateFinding) -> None:
        """Pass one on."""
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
