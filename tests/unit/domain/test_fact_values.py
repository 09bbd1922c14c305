"""Values in sentences, by the pattern of a fact."""

from __future__ import annotations

import pytest
import re2

from extproc.domain.fact_values import compiled, values_in


@pytest.mark.parametrize(
    ("pattern", "sentence", "values"),
    [
        ("([0-9]+) o'clock", "At 9 O'CLOCK, not at 10 o'clock.", ["9", "10"]),
        ("[0-9]+", "9 and 10", ["9", "10"]),
        ("(red)|(blue)", "Red or blue.", ["Red", ""]),
        ("(red)?door", "A door.", [""]),
        ("never", "A door.", []),
    ],
)
def test_the_first_group_is_the_value(pattern: str, sentence: str, values: list[str]) -> None:
    """Else the whole match; a group that has no part in a match is an empty value, in any case of letters."""
    assert values_in(sentence, compiled(pattern)) == values


def test_a_pattern_that_is_none_is_refused_without_a_word_on_the_log() -> None:
    """The configuration tells it by its line."""
    with pytest.raises(re2.error):
        compiled("([0-9]+")
