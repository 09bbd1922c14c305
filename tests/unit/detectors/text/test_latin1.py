"""One byte a character: places in the bytes are places in the text, and no pattern crosses what ends a cell."""

from __future__ import annotations

import re

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.text.latin1 import (
    CELL_ENDING_FIRST,
    WORD_BYTES,
    cue_before,
    digits_of,
    latin1_bytes,
    latin1_pattern,
    stands_alone,
)

ANY = st.text(st.characters(exclude_categories=[]), max_size=30)


@given(ANY)
def test_each_character_is_a_byte(text: str) -> None:
    """Itself, a sign for a letter that is not known, or a line end, also for a lone surrogate."""
    subject = latin1_bytes(text)
    assert len(subject) == len(text)
    for byte, character in zip(subject, text, strict=True):
        known = character if character < "\u0100" else "?" if character < CELL_ENDING_FIRST else "\n"
        assert chr(byte) == known


@given(ANY, st.sampled_from(["[a-z]+", "[0-9]{2}", "\u00e9|x", r"\bA"]))
def test_a_pattern_finds_what_it_finds_in_the_text(text: str, pattern: str) -> None:
    """At the same places, as far as it speaks of Latin-1."""
    found = [match.span() for match in latin1_pattern(pattern).finditer(latin1_bytes(text))]
    reference = re.finditer(pattern.encode("latin-1"), latin1_bytes(text))
    assert found == [match.span() for match in reference]


def test_a_pattern_is_compiled_when_it_is_used() -> None:
    """Once, whichever of its methods comes first, also if that was taken before."""
    unused = latin1_pattern("(")  # no error yet
    pattern = latin1_pattern("[0-9]+")
    search, before = pattern.search, pattern.finditer
    assert search(b"ab12")[0] == b"12"
    assert pattern.search is not search
    assert pattern.finditer is not before
    assert [match[0] for match in before(b"1 22")] == [b"1", b"22"]
    assert pattern.search(b"a12", 2)[0] == b"2"
    with pytest.raises(re2.error):
        unused.match(b"a")


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("<12>", True),
        ("a<12>", False),
        ("<12>a", False),
        ("<12>_", False),
        ("\u00e9<12>", False),
        ("3.<12>", False),
        ("<12>-3", False),
        ("a.<12>.", True),
        (".<12>/x", True),
        ("(<12>)", True),
    ],
)
def test_what_stands_alone_is_part_of_nothing_longer(text: str, alone: bool) -> None:
    """Neither of a word nor of a number in groups; the end of a sentence is no group."""
    before, _, rest = text.partition("<")
    value, _, behind = rest.partition(">")
    subject = latin1_bytes(before + value + behind)
    assert stands_alone(subject, len(before), len(before) + len(value)) == alone


def test_a_word_before_counts_within_its_width() -> None:
    """Further away it says nothing of the number."""
    cue = latin1_pattern("(?i)tin")
    assert cue_before(cue, b"TIN 12", 4)
    assert not cue_before(cue, b"TIN" + b" " * 40 + b"12", 43)
    assert cue_before(cue, b"TIN" + b" " * 40 + b"12", 43, width=43)
    assert not cue_before(cue, b"12 TIN", 0)


@given(st.text("0123456789 .-/a", max_size=20))
def test_digits_are_those_of_the_span(text: str) -> None:
    """Without what stands between them."""
    assert digits_of(latin1_bytes(text), 2, 9) == "".join(filter(str.isdigit, text[2:9]))
    assert {ord(character) for character in text if character.isalnum()} <= WORD_BYTES
