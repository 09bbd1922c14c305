"""Hunts for texts that are dear to judge: ``python -m tests.attack.costs SECONDS``.

Draws alphabets and mixtures of them, keeps the dearest recipes, and changes these further. Fails where a text costs all
guards together more than ``RATIO_MAX`` times what prose of its length does.
"""

from __future__ import annotations

import random
import sys
import time
from functools import partial

from tests.costs import POOLS, SEPARATORS, Recipe, cost_us_per_kb, prose
from tests.unit.filters.judging import JUDGED, judge_whatever_comes

SIZE_CHARS = 30_000
RATIO_MAX = 25
KEPT = 12


def cost(text: str) -> float:
    """Of all guards together. [us per KB]"""
    return sum(cost_us_per_kb(partial(judge_whatever_comes, name), text) for name in JUDGED)


def drawn(chance: random.Random, kept: list[tuple[float, Recipe]]) -> Recipe:
    """A new recipe, or a dear one with one thing changed."""
    pools = tuple(chance.sample(sorted(POOLS), chance.randint(1, 3)))
    separators = "".join(chance.sample(SEPARATORS, chance.randint(0, 3)))
    lengths = (chance.randint(1, 6), chance.randint(6, 60))
    fresh = Recipe(pools, separators, lengths, chance.randrange(1 << 16))
    if not kept or chance.random() < 0.4:
        return fresh
    _, dear = chance.choice(kept)
    name = chance.choice(Recipe._fields)
    return dear._replace(**{name: getattr(fresh, name)})


def main(seconds: float) -> int:
    """Exits 1 when a text is too dear."""
    chance = random.Random()
    of_prose = min(cost(prose(SIZE_CHARS)) for _ in range(3))
    kept: list[tuple[float, Recipe]] = []
    tried, end_s = 0, time.monotonic() + seconds
    while time.monotonic() < end_s:
        recipe = drawn(chance, kept)
        ratio = cost(recipe.text(SIZE_CHARS)) / of_prose
        kept = sorted([*kept, (ratio, recipe)], key=lambda one: -one[0])[:KEPT]
        tried += 1
    print(f"{tried} texts of {SIZE_CHARS} characters, the dearest in costs of prose ({of_prose:.0f} us per KB):")
    for ratio, recipe in kept[:5]:
        print(f"  {ratio:5.1f}  {recipe}")
    return kept[0][0] > RATIO_MAX


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
