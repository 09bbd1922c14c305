"""By which words and numbers an answer is compared."""

from __future__ import annotations

import pytest

from extproc.detectors.answers.compared_words import content_stems, names_of, number_keys, words_of


def test_frequent_and_short_words_do_not_count() -> None:
    """They say nothing of a subject; endings do not matter."""
    assert content_stems(words_of("the warranties of it, and a warranty")) == {"warran"}


def test_scripts_without_spaces_have_words_of_one_character() -> None:
    """Each counts."""
    assert content_stems(words_of("保修期")) == {"保", "修", "期"}


@pytest.mark.parametrize(
    ("sentence", "names"),
    [
        ("Founded by Ada Jones-Smith in Dublin.", ["Ada", "Jones-Smith", "Dublin"]),
        ("  Warranty of Acme", ["Acme"]),
        ("Delhi", []),
        ("iPhone and McDonald", ["McDonald"]),
        ("", []),
    ],
)
def test_a_name_has_a_capital_and_is_not_the_first_word(sentence: str, names: list[str]) -> None:
    """Which has one in any case."""
    assert names_of(sentence) == names


@pytest.mark.parametrize(
    ("number", "same", "other"), [("1,250", "1250", "125"), ("3,5", "3.5", "3.6"), ("007", "7", "70")]
)
def test_numbers_are_compared_by_value(number: str, same: str, other: str) -> None:
    """However they are written."""
    assert not set(number_keys(number)).isdisjoint(number_keys(same))
    assert set(number_keys(number)).isdisjoint(number_keys(other))
