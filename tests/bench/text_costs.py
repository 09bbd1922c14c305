"""What texts cost all guards of the demo together, beside prose of the same length: hard ones, and generated ones.

Each text goes through each guard as a request and as a streamed answer. Costs of one run, so that they can be compared.
"""

from __future__ import annotations

import random
from functools import partial

from rich.console import Console
from rich.table import Table

from tests.attack.costs import drawn
from tests.bench.figures import Figures
from tests.bench.subjects import Places
from tests.costs import cost_us_per_kb, hard_texts, prose
from tests.unit.filters.judging import JUDGED, judge_whatever_comes

SIZE_CHARS = 100_000
GENERATED = 40
TRIES = 3
WORST = "text_cost_times_max"
_PREFIX = "text_cost_us_per_kb."
_PROSE = "prose"


def measure_text_costs(_places: Places | None = None) -> Figures:
    """``text_cost_us_per_kb.TEXT.GUARD`` and, of all texts, how many times that of prose the dearest costs."""
    chance = random.Random(GENERATED)
    texts = {_PROSE: prose(SIZE_CHARS), **hard_texts(SIZE_CHARS)}
    for _ in range(GENERATED):
        recipe = drawn(chance, [])
        name = f"{' and '.join(recipe.pools)}, words of {recipe.lengths[0]} to {recipe.lengths[1]}"
        texts[name] = recipe.text(SIZE_CHARS)
    found: Figures = {}
    for name, text in texts.items():
        for guard in JUDGED:
            judged = partial(judge_whatever_comes, guard)
            found[f"{_PREFIX}{name}.{guard}"] = min(cost_us_per_kb(judged, text) for _ in range(TRIES))
    sums = _sums(found)
    return found | {WORST: max(sums.values()) / sums[_PROSE]}


def _sums(found: Figures) -> Figures:
    """The cost of each text before all guards."""
    sums: Figures = {}
    for name, us in found.items():
        if name.startswith(_PREFIX):
            text = name.removeprefix(_PREFIX).rpartition(".")[0]
            sums[text] = sums.get(text, 0.0) + us
    return sums


def print_text_costs(console: Console, found: Figures) -> None:
    """The dearest texts first."""
    sums = _sums(found)
    if not sums:
        return
    table = Table(title="What texts cost all guards together, as a request and as an answer: CPU in us per KB")
    for column in ("text", "us per KB", "times prose", "of that the dearest guard"):
        table.add_column(column, justify="left" if column == "text" else "right")
    for text, us in sorted(sums.items(), key=lambda one: -one[1]):
        guard = max(JUDGED, key=lambda name: found[f"{_PREFIX}{text}.{name}"])
        dearest = f"{guard} {found[f'{_PREFIX}{text}.{guard}']:,.0f}"
        table.add_row(text, f"{us:,.0f}", f"{us / sums[_PROSE]:.1f}", dearest)
    console.print(table)
