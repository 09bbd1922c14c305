"""How long an answer is likely to be: by the team's last ones, within a few numbers."""

from __future__ import annotations

import pytest

from extproc.exchange import answer_lengths
from extproc.exchange.answer_lengths import ANSWER_TOKENS_START, AnswerLengths


def test_before_any_answer_it_is_a_usual_one() -> None:
    """At any version."""
    assert AnswerLengths().expected("search", "tiny/v1", "chat") == ANSWER_TOKENS_START


def test_answers_of_one_length_are_expected_again() -> None:
    """And a change is followed within some dozens of answers."""
    lengths = AnswerLengths()
    for _ in range(50):
        lengths.learn("search", "tiny/v1", "chat", 200)
    assert lengths.expected("search", "tiny/v1", "chat") == 200
    for _ in range(200):
        lengths.learn("search", "tiny/v1", "chat", 20)
    assert lengths.expected("search", "tiny/v1", "chat") in range(20, 30)


def test_answers_that_differ_reserve_more_than_their_mean() -> None:
    """Most are shorter than that."""
    lengths = AnswerLengths()
    for number in range(400):
        lengths.learn("search", "tiny/v1", "chat", 100 if number % 2 else 300)
    assert lengths.expected("search", "tiny/v1", "chat") in range(280, 330)


def test_one_answer_may_have_been_a_short_one() -> None:
    """Its own length is its spread."""
    lengths = AnswerLengths()
    lengths.learn("search", "tiny/v1", "chat", 10)
    assert lengths.expected("search", "tiny/v1", "chat") == 20


def test_a_new_team_is_expected_to_be_like_the_others() -> None:
    """At the same version and API."""
    lengths = AnswerLengths()
    for _ in range(50):
        lengths.learn("search", "tiny/v1", "chat", 50)
    assert lengths.expected("support", "tiny/v1", "chat") == 50
    assert lengths.expected("support", "tiny/v1", "responses") == ANSWER_TOKENS_START


def test_no_more_is_kept_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Team names come from clients."""
    monkeypatch.setattr(answer_lengths, "KNOWN_MAX", 10)
    lengths = AnswerLengths()
    for number in range(100):
        lengths.learn(f"team-{number}", "tiny/v1", "chat", 50)
        assert len(lengths) <= 11
