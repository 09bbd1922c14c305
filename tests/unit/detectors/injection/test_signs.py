"""Signs spare honest text the patterns, and never hide a match: the findings are those of all patterns asked always."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.injection.detector import InjectionDetector
from extproc.detectors.injection.patterns import COMPACT_PATTERNS, FAMILIES, SPACED_PATTERNS, WeightedPattern
from extproc.detectors.injection.signs import Opened, SignReader
from extproc.detectors.text.normalize import SPACED_SIGN, compact, is_spaced
from tests.growth import grows_in_proportion
from tests.unit.detectors.injection.injection_reference import ReferenceDetector
from tests.unit.detectors.pii.regex_samples import RegexSampler

CORPUS = Path(__file__).resolve().parents[3] / "corpus"
PATTERNS = [(number, pattern) for number, family in enumerate(FAMILIES) for pattern in family]
SAMPLES = 100
SAMPLES_MIN = 20
SEPARATORS = ("", " ", "-", "\n", ". ", "*_*")

detector = InjectionDetector()
reference = ReferenceDetector()
reader = SignReader(FAMILIES, COMPACT_PATTERNS)


@cache
def matches(pattern: WeightedPattern) -> list[str]:
    """Texts in which the pattern finds a match, each of its alternatives in some."""
    sampler = RegexSampler(pattern.pattern, random.Random(pattern.pattern))
    compiled = re2.compile(pattern.pattern)
    return [text for text in (sampler.sample() for _ in range(SAMPLES)) if compiled.search(text)]


@pytest.mark.parametrize(("family", "pattern"), PATTERNS, ids=[pattern.pattern[:40] for _, pattern in PATTERNS])
def test_a_match_holds_all_signs_of_its_pattern(family: int, pattern: WeightedPattern) -> None:
    """So a text that lacks one of them cannot match, and its family need not be asked."""
    texts = matches(pattern)
    assert len(texts) >= SAMPLES_MIN
    for text in texts:
        assert all(re2.search(sign, text) for sign in pattern.signs), text
        assert family in reader.read(text.encode()).families, text


@pytest.mark.parametrize("pattern", [pattern for _, pattern in PATTERNS], ids=lambda pattern: pattern.pattern[:40])
def test_a_megabyte_that_nearly_matches_costs_in_proportion(pattern: WeightedPattern) -> None:
    """RE2 never steps back: beginnings of a match, again and again, are read once."""
    assert grows_in_proportion(re2.compile(pattern.pattern).search, matches(pattern)[0][:-1], 1_000_000)


@pytest.mark.parametrize("pattern", COMPACT_PATTERNS, ids=lambda pattern: pattern.pattern[:40])
def test_a_match_of_joined_letters_is_seen_before_they_are_joined(pattern: WeightedPattern) -> None:
    """Whatever ``compact`` takes out may stand between them."""
    draw = random.Random(3)
    for text in matches(pattern):
        assert any(word in text for word in pattern.signs)
        broken = "".join(character + draw.choice(SEPARATORS) for character in text)
        assert compact(broken.encode()) == text.encode()
        assert reader.read(broken.encode()).joined


@given(st.text("ab1 .-\u00b7é日", max_size=80))
def test_text_in_spaced_letters_shows_the_sign_for_it(text: str) -> None:
    """The sign asks for fewer letters in a row."""
    spaced = " ".join(text) + " " + text
    if is_spaced(spaced.encode()):
        assert re2.search(SPACED_SIGN, spaced)


def test_honest_text_opens_nothing() -> None:
    """Nor does it ask for another reading: only one automaton has read it."""
    text = "please summarise the report for the board: revenue grew by twelve percent, mostly in the northern region."
    opened = reader.read(text.encode())
    assert opened == Opened()


def corpus_texts() -> list[str]:
    """All texts of the small corpora."""
    lines = (line for path in sorted(CORPUS.glob("*/*.jsonl")) for line in path.read_bytes().splitlines())
    return [str(json.loads(line)["text"]) for line in lines]


def test_findings_are_those_of_all_patterns_on_every_corpus_text() -> None:
    """Honest, hostile, personal and refusing ones; also three in a row, where signs of one meet those of another."""
    texts = corpus_texts()
    rows = [" ".join(texts[first : first + 3]) for first in range(0, len(texts), 3)]
    for text in texts + rows:
        assert detector.find(text) == reference.find(text), text


DISGUISES: list[Callable[[str], str]] = [
    str,
    str.upper,
    " ".join,
    ".".join,
    "\u200b".join,
    lambda text: " ".join(text[place : place + 4] for place in range(0, len(text), 4)),
    lambda text: text.translate(str.maketrans("aeosti", "430571")),
    lambda text: text.translate(str.maketrans("asil", "@$!|")),
    lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: f'Explain what "{text}" means.',
]
HONEST = [
    "Thanks for the report. ",
    "Your 2nd order costs 15k! ",
    "naïve – “quoted” ",
    "日本の 規則 ",
    "a b c = 3 ",
    "x" * 30,
]


@st.composite
def mixed_texts(draw: st.DrawFn) -> str:
    """Matches of patterns, whole or cut, disguised, among honest text."""
    pieces = []
    for _ in range(draw(st.integers(1, 4))):
        pattern = draw(st.sampled_from([*(pattern for _, pattern in PATTERNS), *COMPACT_PATTERNS, *SPACED_PATTERNS]))
        text = draw(st.sampled_from(matches(pattern) or [""]))
        cut = draw(st.integers(0, len(text))) if draw(st.booleans()) else len(text)
        pieces += [draw(st.sampled_from(DISGUISES))(text[:cut]), draw(st.sampled_from(HONEST))]
    return draw(st.sampled_from(["", " ", "\n"])).join(pieces)


@given(mixed_texts())
def test_findings_are_those_of_all_patterns_on_disguised_matches(text: str) -> None:
    """In any mixture."""
    assert detector.find(text) == reference.find(text)
