"""The body of a feedback, as a client sends it, and the answer to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from extproc.domain.errors import refuse
from extproc.domain.feedback import FEEDBACK, FeedbackClaim, FeedbackType, GivenFeedback
from extproc.payload.response_ids import RESPONSE_ID_CHARS_MAX
from extproc.payload.strict_json import parse_strict

SCORE_MAX: Final = 1_000_000
USER_CHARS_MAX: Final = 256
_DEPTH_MAX: Final = 8
_KEYS: Final = ("exchange_id", "response_id", "type", "score", "comment", "user")
_TYPES: Final = {one.value: one for one in FeedbackType}


def read_feedback(body: bytes, comment_chars_max: int) -> GivenFeedback:
    """Read a body. Raises: PayloadRefused (400), which never quotes it."""
    value, _ = parse_strict(body, _DEPTH_MAX)
    if type(value) is not dict:
        raise refuse(400, "invalid_feedback", "The body must be a JSON object.")
    if not value.keys() <= set(_KEYS):
        raise refuse(400, "invalid_feedback", f"The body has a key that no feedback has. Keys: {', '.join(_KEYS)}.")
    named = value.get("type")
    kind = _TYPES.get(named) if type(named) is str else None
    if kind is None:
        raise refuse(400, "invalid_feedback", f"type must be one of {', '.join(_TYPES)}.", "type")
    exchange, response = _id(value, "exchange_id"), _id(value, "response_id")
    if bool(exchange) == bool(response):
        raise refuse(
            400,
            "invalid_feedback",
            "Send either exchange_id, the header x-llm-exchange-id of an answer, or response_id, its id.",
        )
    return GivenFeedback(
        exchange=exchange,
        type=kind,
        response=response,
        score=_score(value),
        comment=_text(value, "comment", comment_chars_max),
        user=_text(value, "user", USER_CHARS_MAX),
    )


def feedback_answer(claim: FeedbackClaim) -> bytes:
    """The answer to a feedback that is stored."""
    given = claim.given
    return orjson.dumps(
        {
            "object": FEEDBACK,
            "exchange_id": claim.exchange,
            "type": given.type.value,
            "status": claim.result.value,
            "comment": claim.comment_fate.value,
        }
    )


def _id(value: Mapping[str, Any], key: str) -> str:
    """An id: no server gives one of other characters."""
    found = _text(value, key, RESPONSE_ID_CHARS_MAX)
    if not (found.isascii() and found.isprintable()):
        raise refuse(400, "invalid_feedback", f"{key} must be the id of an answer, as it came.", key)
    return found


def _text(value: Mapping[str, Any], key: str, chars_max: int) -> str:
    """A text; null and nothing are an empty one."""
    found = value.get(key)
    if found is None:
        return ""
    if type(found) is not str or len(found) > chars_max:
        raise refuse(400, "invalid_feedback", f"{key} must be a text of at most {chars_max} characters.", key)
    return found


def _score(value: Mapping[str, Any]) -> float | None:
    score = value.get("score")
    if score is None:
        return None
    if type(score) not in (int, float) or not -SCORE_MAX <= score <= SCORE_MAX:
        raise refuse(400, "invalid_feedback", f"score must be a number from -{SCORE_MAX} to {SCORE_MAX}.", "score")
    return float(score)
