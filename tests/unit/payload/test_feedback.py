"""The body of a feedback, and what is answered to it."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.errors import ApiError, PayloadRefused
from extproc.domain.feedback import CommentFate, FeedbackClaim, FeedbackResult, FeedbackType, GivenFeedback
from extproc.payload.feedback import SCORE_MAX, feedback_answer, read_feedback

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=5,
)
FIELDS = ("exchange_id", "response_id", "type", "score", "comment", "user")
VALUES = JSON | st.sampled_from([*FeedbackType, "ab-1", "chatcmpl-1", 0, -1.5, SCORE_MAX + 1, "a" * 300])


def read(**fields: Any) -> GivenFeedback:
    """What is read of an object."""
    return read_feedback(orjson.dumps(fields), 20)


def outcome_of(body: bytes, comment_chars_max: int) -> tuple[GivenFeedback | None, ApiError | None]:
    """What is read, or why it is not."""
    try:
        return read_feedback(body, comment_chars_max), None
    except PayloadRefused as refused:
        return None, refused.error


@given(st.dictionaries(st.sampled_from([*FIELDS, "x"]), VALUES), st.integers(0, 20))
def test_any_object_is_a_feedback_or_an_exact_error(fields: dict[str, Any], comment_chars_max: int) -> None:
    """What is read has all bounds; what is refused says where."""
    body = json.dumps(fields).encode("utf-8", "surrogatepass")
    found, error = outcome_of(body, comment_chars_max)
    if found is None:
        assert error is not None
        assert (error.status, error.param in (None, *FIELDS)) == (400, True)
        return
    assert bool(found.exchange) != bool(found.response)
    assert (found.exchange + found.response).isascii()
    assert found.score is None or -SCORE_MAX <= found.score <= SCORE_MAX
    assert len(found.comment) <= comment_chars_max
    assert fields["type"] == found.type.value
    assert found.comment == (fields.get("comment") or "")


@given(st.binary(max_size=60))
def test_any_bytes(body: bytes) -> None:
    """They raise nothing else."""
    with pytest.raises(PayloadRefused):
        read_feedback(body, 20)


def test_all_that_may_be_said() -> None:
    """Null is nothing."""
    assert read(exchange_id="ab-1", type="custom", score=3, comment="So so.", user="ann") == GivenFeedback(
        "ab-1", FeedbackType.CUSTOM, "", 3.0, "So so.", "ann"
    )
    assert read(response_id="chatcmpl-1", exchange_id=None, type="copy", score=None, comment=None) == GivenFeedback(
        "", FeedbackType.COPY, "chatcmpl-1"
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": "good"}, "type must be one of positive, negative, regenerate, copy, custom."),
        (
            {"stars": 5},
            "The body has a key that no feedback has. Keys: exchange_id, response_id, type, score, comment, user.",
        ),
        ({"score": "5"}, "score must be a number from -1000000 to 1000000."),
        ({"comment": "a" * 21}, "comment must be a text of at most 20 characters."),
        (
            {"exchange_id": None},
            "Send either exchange_id, the header x-llm-exchange-id of an answer, or response_id, its id.",
        ),
        ({"exchange_id": "ab\n1"}, "exchange_id must be the id of an answer, as it came."),
    ],
)
def test_an_error_says_what_is_expected(fields: dict[str, Any], message: str) -> None:
    """Never what was sent."""
    with pytest.raises(PayloadRefused) as refused:
        read(**({"exchange_id": "ab-1", "type": "copy"} | fields))
    assert (refused.value.error.code, refused.value.error.message) == ("invalid_feedback", message)


def test_the_answer_says_what_became_of_it() -> None:
    """With the id of the exchange, however it was named."""
    claim = FeedbackClaim(GivenFeedback("", FeedbackType.COPY, "chatcmpl-1"), "", "", b"", 0, 0, "ab-1")
    claim.result, claim.comment_fate = FeedbackResult.UPDATED, CommentFate.KEPT
    assert orjson.loads(feedback_answer(claim)) == {
        "object": "feedback",
        "exchange_id": "ab-1",
        "type": "copy",
        "status": "updated",
        "comment": "kept",
    }
