"""No text makes an automaton grow: a later part of a random text costs about what plain words do.

RE2 makes the states of a set as a text needs them, and forgets them all when there are too many. Then each byte costs a
thousand times as much, for as long as the text goes on (attack 1: one pattern among thirteen, 17 s a megabyte).
"""

from __future__ import annotations

import gc
from functools import cache, partial
from typing import Any

import pytest
import re2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.kinds import ENTITIES
from extproc.detectors.pii.secret_patterns import SECRET_PATTERNS
from tests.costs import POOLS, SEPARATORS, Recipe, cost_us_per_kb, hard_texts
from tests.thorough import examples
from tests.unit.filters.judging import POLICIES

SIZE_CHARS = 100_000
GROWTH_MAX = 150
"""Of plain words' cost; one that forgets its states needs 500 and more."""
PARTS = 4
PLAIN_WORDS = "the weather in paris is fine and we walk along the river " * (SIZE_CHARS // 57)

_KEPT = (POLICIES, PiiDetector(ENTITIES))
SETS = [one for one in gc.get_objects() if type(one) is re2.Set]
"""Every set of every guard of the demo, and of all personal data."""

RECIPES = st.builds(
    Recipe,
    st.lists(st.sampled_from(sorted(POOLS)), min_size=1, max_size=3, unique=True).map(tuple),
    st.text(SEPARATORS, max_size=3),
    st.tuples(st.integers(1, 4), st.integers(4, 40)),
    st.integers(0, 1 << 16),
)


def growth(automaton: Any, text: str) -> float:
    """What a text costs, in costs of plain words: the cheapest part of its second half, once it has met the first.

    States that are made once, or a moment in which the machine did something else, are in one part.
    """

    def match(some: str) -> None:
        automaton.Match(some.encode("utf-8", "replace"))

    half_chars = len(text) // 2
    part_chars = half_chars // PARTS
    parts = [
        text[start : start + part_chars] for start in range(half_chars, half_chars + part_chars * PARTS, part_chars)
    ]
    match(text[:half_chars])
    return min(cost_us_per_kb(match, part) for part in parts) / max(cost_of_plain_words(automaton), 0.5)


@cache
def cost_of_plain_words(automaton: Any) -> float:
    """The cheapest of some tries, once it has met them. [us per KB]"""

    def match(some: str) -> None:
        automaton.Match(some.encode())

    match(PLAIN_WORDS)
    return min(cost_us_per_kb(match, PLAIN_WORDS) for _ in range(3))


def test_there_are_automata() -> None:
    """Else nothing is tried. Where other tests run in the same process, theirs are tried too."""
    assert len(SETS) > 25


@pytest.mark.parametrize("name", hard_texts(100))
def test_honest_texts_make_no_automaton_grow(name: str) -> None:
    """Tables, logs, dumps, code."""
    text = hard_texts(SIZE_CHARS)[name]
    assert max(growth(automaton, text) for automaton in SETS) < GROWTH_MAX


@settings(max_examples=examples(12), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(RECIPES)
def test_no_alphabet_makes_an_automaton_grow(recipe: Recipe) -> None:
    """Whatever words are of, and whatever stands between them."""
    text = recipe.text(SIZE_CHARS)
    assert max(growth(automaton, text) for automaton in SETS) < GROWTH_MAX


def found_in(pattern: Any, content: bytes, _: str) -> list[Any]:
    """All that a pattern finds; what it is measured by has the same content as text."""
    return list(pattern.finditer(content))


@pytest.mark.parametrize("pool", ["base64", "digits", "printable", "hexadecimal"])
def test_tokens_are_looked_for_at_little_cost_in_what_is_none(pool: str) -> None:
    """In random base64 the patterns of all vendors together took a microsecond a byte.

    One of some tries is cheap, also where a loaded machine makes others dear.
    """
    text = Recipe((pool,), "", (2_000, 2_000), 1).text(SIZE_CHARS).encode()
    for pattern in SECRET_PATTERNS:
        search = partial(found_in, pattern, text)
        assert any(cost_us_per_kb(search, text.decode()) < 200 for _ in range(5))


def test_a_set_that_does_grow_is_seen() -> None:
    """The gates of personal data as they stood, in one automaton."""
    grows = re2.Set.SearchSet(re2.Options())
    for pattern in (
        r"[2-6](?:[ \-]?[0-9]){11}",
        r"[0-9]{3}[ .\-]?[0-9]{2}[ .\-]?[0-9]{4}",
        r"[0-9]{6}[A-Za-z][0-9]{3}",
    ):
        grows.Add(pattern)
    for separator in "abcdefgh":
        grows.Add(rf"[13579](?:[ \-{separator}]?[0-9]){{12}}x")
    grows.Compile()
    assert growth(grows, Recipe(("digits",), " ", (1, 9), 3).text(SIZE_CHARS)) > GROWTH_MAX
