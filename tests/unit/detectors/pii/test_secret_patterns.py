"""Shapes of vendors' secrets, and what tells a token from a word of its shape."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.secret_patterns import (
    NAMED_BEGINNINGS,
    SECRET_CHARACTERS_MIN,
    SECRET_PATTERNS,
    secret_may_begin,
    secret_plausible,
)
from extproc.detectors.text.latin1 import latin1_pattern
from tests.unit.detectors.pii.regex_samples import RegexSampler
from tests.unit.detectors.pii.test_credentials import TOKENS

SAMPLES = 400


@pytest.mark.parametrize("pattern", SECRET_PATTERNS, ids=range(len(SECRET_PATTERNS)))
def test_no_shape_is_shorter_than_is_said(pattern: object) -> None:
    """A shorter text is not searched for any of them."""
    sampler = RegexSampler(pattern.pattern.decode(), random.Random(7))  # type: ignore[attr-defined]
    assert min(len(sampler.sample()) for _ in range(SAMPLES)) >= SECRET_CHARACTERS_MIN


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_looks_random(token: str) -> None:
    """And each of its beginnings that is long enough may begin one, once it is varied."""
    assert secret_plausible(token)
    may_begin = [secret_may_begin(token[:end], 12) for end in range(len(token) + 1)]
    assert not any(may_begin[:12])
    assert may_begin == sorted(may_begin)
    assert may_begin[-1]


@pytest.mark.parametrize(
    "word", ["sk-learn-like-classifier-names", "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "sk-00000000000000000000"]
)
def test_words_and_placeholders_do_not(word: str) -> None:
    """Words have no digit, placeholders repeat one character."""
    assert not secret_plausible(word)


@given(st.text("ab1-_", max_size=30))
def test_a_beginning_that_counts_is_long_enough(token: str) -> None:
    """Whatever it is made of."""
    assert not secret_may_begin(token, 12) or len(token) >= 12


def test_a_vendors_name_is_part_of_each_beginning() -> None:
    """At least two fixed characters; its own pattern begins with them."""
    for one in NAMED_BEGINNINGS:
        assert one.fixed_chars >= 2
        assert latin1_pattern(one.fixed)


@pytest.mark.parametrize("before", ["", "see ", "x/"])
def test_a_token_is_found_at_the_least_length_and_at_none_below(before: str) -> None:
    """By itself as behind other text: fifteen characters of Slack's shape were found only there."""
    detector, token = PiiDetector(["SECRET"]), "xoxs-1OY31l1f8vQ"
    assert len(token) == SECRET_CHARACTERS_MIN
    (found,) = detector.find(before + token)
    assert found.start <= len(before)
    assert found.end == len(before + token)
    assert detector.find(before + token[:-1]) == []
