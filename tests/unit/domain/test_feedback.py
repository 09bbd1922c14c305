"""Feedback as a value, and the hash of its comment."""

from __future__ import annotations

from dataclasses import replace

from extproc.domain.feedback import FeedbackClaim, FeedbackType, GivenFeedback

CLAIM = FeedbackClaim(GivenFeedback("ab-1", FeedbackType.NEGATIVE, comment="xyzzy", user="plugh"), "t", "u", b"k", 0, 0)


def test_a_comment_is_known_again_by_a_keyed_hash() -> None:
    """Of this exchange, user, type and text; without the key it says nothing."""
    known = CLAIM.comment_hash("ab-1")
    assert (known, len(known)) == (CLAIM.comment_hash("ab-1"), 16)
    others = [
        CLAIM.comment_hash("ab-2"),
        replace(CLAIM, user="v").comment_hash("ab-1"),
        replace(CLAIM, comment_key=b"other").comment_hash("ab-1"),
        replace(CLAIM, given=replace(CLAIM.given, comment="no")).comment_hash("ab-1"),
        replace(CLAIM, given=replace(CLAIM.given, type=FeedbackType.CUSTOM)).comment_hash("ab-1"),
    ]
    assert len({known, *others}) == 6
    assert replace(CLAIM, given=replace(CLAIM.given, comment="")).comment_hash("ab-1") == ""


def test_no_text_of_a_user_is_printed() -> None:
    """Nor the key."""
    assert not {"xyzzy", "plugh", "b'k'"} & set(repr(CLAIM).replace("=", " ").replace(",", " ").split())
