"""No text costs much more than prose of its length, before all guards together. ``make bench`` prints the table."""

from __future__ import annotations

from functools import cache, partial

import pytest
from hypothesis import HealthCheck, given, settings

from tests.costs import Recipe, cost_us_per_kb, hard_texts, prose
from tests.thorough import examples
from tests.unit.detectors.test_automata import RECIPES
from tests.unit.filters.judging import JUDGED, judge_whatever_comes

SIZE_CHARS = 30_000
RATIO_MAX = 25
"""Attacks once took 300 times as much. ``make bench`` is to show 10 at most; here a busy machine must not fail it."""


def cost(text: str) -> float:
    """Of all guards together. [us per KB]"""
    return sum(cost_us_per_kb(partial(judge_whatever_comes, name), text) for name in JUDGED)


@cache
def cost_of_prose() -> float:
    """What honest sentences cost, in the better of two tries."""
    return min(cost(prose(SIZE_CHARS)) for _ in range(2))


def costs_little_more(text: str) -> bool:
    """Than prose, in one of two tries."""
    return any(cost(text) < RATIO_MAX * cost_of_prose() for _ in range(2))


@pytest.mark.parametrize("name", hard_texts(100))
def test_honest_hard_texts(name: str) -> None:
    """Tables, logs, dumps, code."""
    assert costs_little_more(hard_texts(SIZE_CHARS)[name])


@settings(max_examples=examples(8), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(RECIPES)
def test_any_alphabet(recipe: Recipe) -> None:
    """Whatever words are of, and whatever stands between them."""
    assert costs_little_more(recipe.text(SIZE_CHARS))
