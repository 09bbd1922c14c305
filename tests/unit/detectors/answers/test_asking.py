"""Answers that ask back, in the marks of several scripts."""

from __future__ import annotations

import pytest

from extproc.detectors.answers.asking import asks_back


@pytest.mark.parametrize(
    "text",
    [
        "Which year?",
        'Do you mean "this one"?',
        "**Which year?**\n",
        "どの年ですか？",
        "أي سنة؟",
        "(Which one?)",
        "`why?`",
    ],
)
def test_a_question_at_the_end(text: str) -> None:
    """Whatever closes it."""
    assert asks_back(text)


@pytest.mark.parametrize("text", ["", "\n", "Why? Because.", "It opens at nine.", "?)} no", "…"])
def test_no_question_at_the_end(text: str) -> None:
    """A question before an answer is none."""
    assert not asks_back(text)
