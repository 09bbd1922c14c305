"""Beginnings of a pattern: every one of every match, and nothing else."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.pii import secret_patterns
from extproc.detectors.pii.pattern_beginnings import Beginnings, PatternNotRead
from extproc.detectors.text.latin1 import latin1_pattern
from tests.unit.detectors.pii.regex_samples import RegexSampler

PATTERNS = [
    "abc",
    "a|bc|",
    "(?:ab){2,3}c?",
    "(ab|c)*d+",
    "a{3}",
    "a{2,}b",
    "a{0}b",
    "[^]a]{1,2}-[a-c]+?",
    r"EMP-[0-9]{6}",
    r"\bKD[ \xA0]?[0-9]{2}(?:-[0-9]{3}){2}\b",
    r"(?i)kunde(?:nnummer|n-nr\.)[0-9]{4,8}",
    r"(?:(?i:ab)|C(?:d|e){2})f",
    r"x(?P<y>[0-9]{2})\.\x41\{",
]
READ = [*PATTERNS, *secret_patterns._VENDORS]


def begins(pattern: str, text: str) -> bool:
    """Whether the text is a beginning of a match, as the pattern of beginnings says."""
    return latin1_pattern(Beginnings(pattern).pattern).fullmatch(text.encode("latin-1")) is not None


@pytest.mark.parametrize("pattern", READ)
def test_every_beginning_of_every_match_is_one(pattern: str) -> None:
    """From nothing to all of it; no match is shorter than the shortest."""
    known, sampler = Beginnings(pattern), RegexSampler(pattern, Random(1))
    beginning = latin1_pattern(known.pattern)
    matches = [text for text in (sampler.sample() for _ in range(30)) if re.fullmatch(pattern, text)]
    assert matches
    for text in matches:
        assert all(beginning.fullmatch(text[:end].encode("latin-1")) for end in range(len(text) + 1))
        assert len(text) >= known.chars_min


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("abc", ["b", "ac", "abcd"]),
        ("a|bc|", ["c", "ab"]),
        ("(?:ab){2,3}c?", ["b", "abc", "abababab", "aba c"]),
        ("a{3}", ["aaaa"]),
        ("a{0}b", ["a", "ab"]),
        (r"EMP-[0-9]{6}", ["EMPX", "EMP-1a", "EMP-1234567"]),
        (r"(?:(?i:ab)|C(?:d|e){2})f", ["c", "CD", "abF"]),
        ("(?i)ab|cd", ["ac", "abc"]),
    ],
)
def test_nothing_else_is_one(pattern: str, texts: list[str]) -> None:
    """What no match begins with is none."""
    assert not [text for text in texts if begins(pattern, text)]


@given(text=st.text(alphabet="ab-(", max_size=8))
def test_all_short_texts_are_told_apart(text: str) -> None:
    """Against the list of all matches of a pattern that has few."""
    matches = ["aab", "ab-", "aab-", "bb"]
    assert begins(r"a{1,2}b-|aab|b{2}", text) == any(match.startswith(text) for match in matches)


@pytest.mark.parametrize("pattern", ["a(?i)b", "(?=a)b", "a(b", "[a"])
def test_what_cannot_be_told_is_said(pattern: str) -> None:
    """Flags in the middle of a row, and what RE2 does not know."""
    with pytest.raises(PatternNotRead):
        Beginnings(pattern)


def test_what_a_match_begins_with_is_counted() -> None:
    """The characters that are no class: a vendor's name."""
    counts = {"sk-[a-z]": 3, "(?:ab|c)d": 2, "[0-9]a": 0, "(?:xy){2}[0-9]": 4, "a?b": 0, r"hv[sb]\.": 2}
    assert {pattern: Beginnings(pattern).fixed_chars for pattern in counts} == counts


@pytest.mark.parametrize(
    ("quoted", "plain"), [(r"\QA.b\E[0-9]", r"A\.b[0-9]"), (r"[0-9]\Q(+", r"[0-9]\(\+"), (r"\Q\Ea", "a")]
)
@given(text=st.text("Ab.0(+ac", max_size=5))
def test_quoted_text_is_itself(quoted: str, plain: str, text: str) -> None:
    """With a mark at its end or without."""
    assert Beginnings(quoted).chars_min == Beginnings(plain).chars_min
    assert begins(quoted, text) == begins(plain, text)


def test_anchors_take_no_place() -> None:
    """They are no characters of a match."""
    assert Beginnings("^ab$").chars_min == 2
    assert begins("^ab$", "a")
