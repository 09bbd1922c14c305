"""Users who say that the answer before is wrong."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.answers import repairs
from extproc.detectors.answers.repairs import says_wrong


@pytest.mark.parametrize(
    "message",
    [
        "No, that's wrong.",
        "no",
        "Wrong!",
        "That is not what I asked",
        "that is still wrong, it must be 12",
        "This isn't right",
        "No, I meant Paris",
        "i did not ask for that",
        "You misunderstood me",
        "  NO. THAT IS INCORRECT",
        "Falsch! Es sind 3.",
        "Nein, das stimmt nicht",
        "Das stimmt leider nicht",
        "Non, c'est faux",
        "No, eso no es lo que pedí",
        "não, isso está errado",
        "Nee, dat klopt niet",
        "źle:0",  # a long hunt found it
        "Wrong:you said 3",
    ],
)
def test_a_complaint(message: str) -> None:
    """At the beginning of the message."""
    assert says_wrong(message)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "No problem, thanks",
        "No, thank you.",
        "No. In which year?",
        "that's right, go on",
        "That's correct",
        "Nothing else",
        "Is it wrong to ask?",
        "The answer is 12. What is the question?",
        "What does 'that is wrong' mean?",
        "Nicht nur heute, auch morgen",
        "Notwithstanding",
    ],
)
def test_no_complaint(message: str) -> None:
    """Content, or about something else."""
    assert not says_wrong(message)


@given(st.from_regex(re.compile(repairs._REPAIR.pattern, re.ASCII)))
def test_first_words_miss_no_complaint(message: str) -> None:
    """They are looked up first, since that is cheap."""
    beginning = message.lstrip()
    assert says_wrong(beginning) is (repairs._REPAIR.match(beginning) is not None)
