"""Comments of feedback for the review queue, which accepts findings as part of an exchange's record."""

from __future__ import annotations

from typing import Final, Protocol

from extproc.domain.feedback import FEEDBACK, FeedbackClaim, RatedExchange
from extproc.domain.record import Action, ExchangeRecord, VersionFacts
from extproc.domain.review import FindingNote, FindingNotes
from extproc.domain.text import Direction, Speaker
from extproc.domain.usage import Prices

_NO_PRICES: Final = Prices(0, 0, 0)


class NoteSink(Protocol):
    """The review queue."""

    def take(self, record: ExchangeRecord) -> bool:
        """Queue the notes of a record. Returns: whether there is room. Must not block."""
        ...


class FeedbackComments:
    """Wraps each comment in a record of the exchange that it is about.

    The comment stands as the finding of a guard ``feedback``: it is shown whole, and masked as other texts are.
    """

    def __init__(self, sink: NoteSink) -> None:
        self._sink = sink

    def take_comment(self, claim: FeedbackClaim, rated: RatedExchange) -> bool:
        """Queue one. Returns: whether there is room."""
        given = claim.given
        notes = FindingNotes(0)
        notes.noted.append(
            FindingNote(
                guard=FEEDBACK,
                direction=Direction.RESPONSE.value,
                speaker=Speaker.USER.value,
                action=Action.FLAG.value,
                kind=given.type.value,
                score=0.0 if given.score is None else given.score,
                detector=FEEDBACK,
                is_data=False,
                text=given.comment,
                end=len(given.comment),
            )
        )
        version = VersionFacts(
            rated.model, rated.version, rated.fingerprint, _NO_PRICES, rated.prompt, rated.prompt_fingerprint
        )
        record = ExchangeRecord(rated.exchange, "", 0, endpoint=FEEDBACK, team=rated.team, project=rated.project)
        record.route, record.version, record.notes = rated.route, version, notes
        return self._sink.take(record)
