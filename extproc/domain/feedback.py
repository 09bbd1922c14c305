"""What users say of an exchange, and what becomes of it. A comment is a text of a user: it is in no ``repr``."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

FEEDBACK: Final = "feedback"
"""Name of the endpoint in metrics and logs, and of the guard under which the review queue has comments."""
_HASH_CHARS: Final = 16


class FeedbackType(StrEnum):
    """What a user did."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    REGENERATE = "regenerate"  # asked for another answer
    COPY = "copy"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class GivenFeedback:
    """What a client sent.

    Attributes:
        exchange: id of the exchange that it is about; empty: `response` names it.
        response: id that the model server gave the answer.
        score: in the client's own scale; None: it has none.
        user: as the client names its user; empty: it does not.
    """

    exchange: str
    type: FeedbackType
    response: str = ""
    score: float | None = None
    comment: str = field(default="", repr=False)
    user: str = field(default="", repr=False)


class FeedbackResult(StrEnum):
    """What became of a feedback."""

    CREATED = "created"
    UPDATED = "updated"  # the same user said something else before
    REPEATED = "repeated"  # the same was stored before
    NOT_FOUND = "not_found"  # no such exchange, or not yet
    FOREIGN = "foreign"  # an exchange of another team; clients see no difference
    TOO_LATE = "too_late"
    TOO_MANY = "too_many"  # the exchange has as much as is kept
    UNAVAILABLE = "unavailable"  # the store does not answer, or too many wait for it


STORED: Final = frozenset({FeedbackResult.CREATED, FeedbackResult.UPDATED, FeedbackResult.REPEATED})


class CommentFate(StrEnum):
    """What became of a comment."""

    NONE = "none"  # there was none
    KEPT = "kept"  # the review queue has it
    DROPPED = "dropped"  # no text may be kept, or the review queue is full


class RatedExchange(NamedTuple):
    """The exchange that a feedback is about.

    Attributes:
        ended_at_us: when it ended. [us since 1970]
    """

    exchange: str
    ended_at_us: int
    team: str
    project: str
    route: str
    model: str
    version: str
    fingerprint: str
    prompt: str
    prompt_fingerprint: str


@dataclass(slots=True)
class FeedbackClaim:
    """A feedback that waits for the store.

    Attributes:
        team, user: of who gives it, as settled; the user is a keyed hash.
        comment_key: of the hash by which a changed comment is known.
        age_us_max: of its exchange.
        wait_ms: for the answer.
        exchange: the id of its exchange, once that is found.
        result, comment_fate: what became of it.
    """

    given: GivenFeedback
    team: str
    user: str
    comment_key: bytes = field(repr=False)
    age_us_max: int
    wait_ms: int
    exchange: str = ""
    result: FeedbackResult = FeedbackResult.UNAVAILABLE
    comment_fate: CommentFate = CommentFate.NONE

    def comment_hash(self, exchange: str) -> str:
        """The hash of the comment, of this exchange, user and type alone; empty: there is none."""
        given = self.given
        if not given.comment:
            return ""
        said = "\0".join((exchange, self.user, given.type.value, given.comment))
        return hmac.digest(self.comment_key, said.encode(), "sha256").hex()[:_HASH_CHARS]
