"""No text costs much more than prose of its length, before all guards together. ``make bench`` prints the table."""

from __future__ import annotations

from functools import cache, partial

import pytest
from hypothesis import HealthCheck, given, settings

from tests.costs import Recipe, cost_us_per_kb, hard_texts, prose
from tests.unit.detectors.test_automata import RECIPES
from tests.unit.filters.judging import JUDGED, judge_whatever_comes

SIZE_CHARS = 30_000
RATIO_MAX = 25
"""Attacks once took 300 times as much. ``make bench`` is to show 10 at most; here a busy machine must not fail it."""


def cost(text: str) -> float:
    """Of all guards together, the better of two tries. [us per KB]"""
    return min(sum(cost_us_per_kb(partial(judge_whatever_comes, name), text) for name in JUDGED) for _ in range(2))


@cache
def cost_of_prose() -> float:
    """What honest sentences cost."""
    return cost(prose(SIZE_CHARS))


@pytest.mark.parametrize("name", hard_texts(100))
def test_honest_hard_texts(name: str) -> None:
    """Tables, logs, dumps, code."""
    assert cost(hard_texts(SIZE_CHARS)[name]) < RATIO_MAX * cost_of_prose()


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(RECIPES)
def test_any_alphabet(recipe: Recipe) -> None:
    """Whatever words are of, and whatever stands between them."""
    assert cost(recipe.text(SIZE_CHARS)) < RATIO_MAX * cost_of_prose()
