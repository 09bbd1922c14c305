"""Recognizers of one's own: a pattern, words before it, a checksum."""

from __future__ import annotations

import pytest

from extproc.config.guards.pii import PiiSection
from extproc.config.guards.recognizer_patterns import pattern_mistake
from extproc.detectors.pii.custom_recognizer import CustomRecognizer
from extproc.filters.pii import detector_of


def found(text: str, **recognizer: object) -> list[tuple[str, str, float]]:
    """Kind, words and score of each finding of one recognizer beside the one for e-mail."""
    fields = {"name": "EMPLOYEE", "context": (), **recognizer}
    section = PiiSection.model_validate(
        {"guard": "pii", "entities": ("EMAIL",), "recognizers": (fields,)}, strict=False
    )
    return [(one.kind, text[one.start : one.end], one.score) for one in detector_of(section).find(text)]


def test_a_pattern_is_found_and_has_its_score() -> None:
    """Beside the types that are built in."""
    text = "EMP-123456 wrote to ann@example.com"
    expected = [("EMPLOYEE", "EMP-123456", 0.5), ("EMAIL", "ann@example.com", 0.95)]
    assert found(text, pattern=r"EMP-\d{6}", score=0.5) == expected


@pytest.mark.parametrize("written", ["ORION", "OR\u200bION", "\uff2fRION", "OR&shy;ION"])
def test_a_short_word_of_letters_is_found(written: str) -> None:
    """The cheap look took every short word without a digit for one that holds nothing."""
    assert [one[1] for one in found(written, pattern=r"\bORION\b")] == [written]


def test_one_of_the_words_must_stand_before() -> None:
    """In any case, as a whole word, at most 40 characters away, in any script."""
    pattern, context = r"\d{6}", ("staff no", "工号")
    assert [one[1] for one in found("Staff No: 123456", pattern=pattern, context=context)] == ["123456"]
    assert [one[1] for one in found("工号123456", pattern=pattern, context=context)] == ["123456"]
    assert found("123456 staff no", pattern=pattern, context=context) == []
    assert found("distaff nod 123456", pattern=pattern, context=context) == []
    assert found(f"staff no {'x' * 40} 123456", pattern=pattern, context=context) == []


@pytest.mark.parametrize(
    ("checksum", "right", "wrong"),
    [
        ("luhn", "N-79927398713", "N-79927398714"),
        ("verhoeff", "N-2363", "N-2364"),
        ("mod97", "3214282912345698765432161182", "3214282912345698765432161183"),
        ("mod11_10", "N-86095742719", "N-86095742718"),
    ],
)
def test_a_checksum_must_hold(checksum: str, right: str, wrong: str) -> None:
    """Over the digits of what matched."""
    pattern = r"\b(?:N-)?\d{4,28}\b"
    assert [one[1] for one in found(right, pattern=pattern, checksum=checksum)] == [right]
    assert found(wrong, pattern=pattern, checksum=checksum) == []


def test_a_pattern_sees_one_cell_at_a_time() -> None:
    """Else what is found would depend on how a stream is cut."""
    assert found("two words", pattern="two words") == []
    assert [one[1] for one in found("AB 12 34", pattern="AB 12 34")] == ["AB 12 34"]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(a", "missing )"),
        ("(?=a)b", "invalid perl operator"),
        ("a*", "matches the empty string"),
        (r"\b", "matches the empty string"),
        ("|a", "matches the empty string"),
        ("^a", "an anchor"),
        ("a$", "an anchor"),
        (r"a\z", "an anchor"),
        ("工a", "the character `工`"),
        (r"[A-Z]{1000}" * 80, "too large"),
    ],
)
def test_what_is_wrong_with_a_pattern(pattern: str, said: str) -> None:
    """Told when the configuration is read."""
    mistake = pattern_mistake(pattern)
    assert mistake is not None
    assert said in mistake[0]


@pytest.mark.parametrize("pattern", [r"[^$]a", r"\^a\$", r"\Q^a$\E", r"[]^]x", r"é\d+", r"(?i)emp", "[$^]x", r"\Qa"])
def test_what_only_looks_wrong(pattern: str) -> None:
    """Escaped, quoted and in classes an anchor is a character."""
    assert pattern_mistake(pattern) is None


def test_a_checksum_is_asked_of_digits_of_ours_only() -> None:
    """A letter that is none, or more than any number has, is no number."""
    assert found("\u00e979927398713", pattern=r"\S+", checksum="luhn") == []
    assert found("0" * 600, pattern=r"\S+", checksum="luhn") == []


def test_a_pattern_whose_beginnings_cannot_be_told_has_none() -> None:
    """One with flags in its middle."""
    assert CustomRecognizer("X", "ab(?i)cd").beginning is None
    assert CustomRecognizer("X", "abcd").beginning is not None
