"""Runs of words that a text shares with a prompt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.answers.prompt_leak import WORD_CHARS_MAX, PromptIndex, RunMatcher, compared, words_of

WORDS_MIN = 4


def spoken(text: str) -> list[str]:
    """The words of a text as they are compared."""
    return [compared(match.group()) for match in words_of(text)]


def leaks(prompt: str, answer: str) -> list[bool]:
    """For each word of an answer whether it ends a run that the prompt has."""
    matcher = RunMatcher(PromptIndex([prompt], WORDS_MIN))
    return [matcher.word(word) for word in spoken(answer)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("You are **Ada**, a_helper.", ["you", "are", "ada", "a", "helper"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("se\u200bcret \u00adso\u00adft", ["secret", "soft"]),
        ("你是助手", ["你", "是", "助", "手"]),
        ("x" * (WORD_CHARS_MAX + 1), ["x" * WORD_CHARS_MAX, "x"]),
        ("", []),
    ],
)
def test_words_are_compared_without_layout(text: str, words: list[str]) -> None:
    """Case, marks and unseen characters do not matter; a character of a script without spaces is a word."""
    assert spoken(text) == words


def test_a_run_of_the_prompt_is_a_leak_from_its_last_word_on() -> None:
    """Each further word of the prompt goes on leaking; the first that is another ends it."""
    assert leaks("one two three four five", "say: One, two - THREE four five six") == [
        *[False] * 4,
        True,
        True,
        False,
    ]


def test_a_prompt_with_too_few_words_is_not_judged() -> None:
    """Whoever says so little has nothing to leak."""
    assert not PromptIndex(["one two three"], WORDS_MIN)


@given(
    st.lists(st.sampled_from("abc"), max_size=40).map(" ".join),
    st.lists(st.sampled_from("abcd"), max_size=40).map(" ".join),
)
def test_a_leak_is_exactly_a_run_that_the_prompt_has(prompt: str, answer: str) -> None:
    """As found by comparing every run of the answer with every run of the prompt."""
    known, said = prompt.split(), answer.split()
    runs = {tuple(known[start : start + WORDS_MIN]) for start in range(len(known) - WORDS_MIN + 1)}
    expected = [tuple(said[end - WORDS_MIN : end]) in runs for end in range(WORDS_MIN, len(said) + 1)]
    assert leaks(prompt, answer) == [False] * min(WORDS_MIN - 1, len(said)) + expected


@given(
    st.lists(st.sampled_from("abc"), min_size=4, max_size=30),
    st.lists(st.sampled_from("abcd"), max_size=30),
)
def test_a_run_in_progress_is_never_counted_too_short(prompt: list[str], answer: list[str]) -> None:
    """What is held back covers the longest end of the answer that stands in the prompt."""
    matcher = RunMatcher(PromptIndex([" ".join(prompt)], WORDS_MIN))
    inside = " " + " ".join(prompt) + " "
    for count, word in enumerate(answer, 1):
        matcher.word(word)
        real = max(
            length
            for length in range(count + 1)
            if f" {' '.join(answer[count - length : count])} " in inside or not length
        )
        assert matcher.run >= real
