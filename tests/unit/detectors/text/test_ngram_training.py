"""The trainer of n-gram models: the same bytes from the same examples, and scores without the source."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from extproc.detectors.text.ngram_windows import NgramShape
from tests.tools.ngram_training import (
    Example,
    Recipe,
    Scorer,
    leave_one_source_out,
    minimise,
    recall_at,
    scorer,
    train,
)

RECIPE = Recipe(NgramShape(12, (5,)), rounds=15)
THINGS = ("garden", "kettle", "lantern", "violin", "harbour", "meadow", "ladder", "pillow")
EXAMPLES = [
    *(Example(f"please paint the {thing} in a bright colour", 0, "painters") for thing in THINGS),
    *(Example(f"where can one buy a {thing} this week", 0, "buyers") for thing in THINGS),
    *(Example(f"smash the {thing} to pieces at once", 1, "vandals") for thing in THINGS),
    *(Example(f"break that {thing} to pieces and burn it", 1, "arsonists") for thing in THINGS),
]


def test_the_same_examples_make_the_same_bytes() -> None:
    """So a shipped file can be made again."""
    assert train(EXAMPLES, RECIPE).to_bytes() == train(EXAMPLES, RECIPE).to_bytes()


def test_what_was_learned_holds_for_texts_of_the_kind() -> None:
    """A tiny task, to see that labels, windows and quantisation fit together."""
    score = scorer(train(EXAMPLES, RECIPE))
    assert score("smash the mirror to pieces at once") > 0 > score("please paint the mirror in a bright colour")


def test_a_long_text_is_learned_by_its_windows() -> None:
    """Rows are windows; a text counts once, however long."""
    long = [Example("please paint the garden " * 60, 0, "walls"), *EXAMPLES]
    assert scorer(train(long, RECIPE))("smash the mirror to pieces at once") > 0


def test_no_example_is_scored_by_a_model_that_saw_its_source() -> None:
    """Nor one that saw the same text under another name."""
    copied = Example(EXAMPLES[0].text, 0, "copyists")
    trained: list[set[Example]] = []

    def trainer(rest: Sequence[Example]) -> Scorer:
        trained.append(set(rest))
        return lambda text: float(len(text))

    scores = leave_one_source_out([*EXAMPLES, copied], trainer, frozenset({"buyers"}))
    assert len(trained) == 4  # arsonists, copyists, painters, vandals
    assert copied not in trained[2]
    assert EXAMPLES[0] not in trained[1]
    assert all(example.source != "painters" for example in trained[2])
    assert sum(map(math.isnan, scores)) == len(THINGS)


def test_the_solver_finds_the_minimum() -> None:
    """Of a quadratic bowl."""
    target = np.array([3.0, -2.0, 0.5])
    scale = np.array([1.0, 10.0, 100.0])
    found = minimise(lambda x: (float(scale @ (x - target) ** 2), 2 * scale * (x - target)), np.zeros(3), 40)
    assert found == pytest.approx(target, abs=1e-4)


def test_recall_at_a_false_positive_rate_counts_ties_against_us() -> None:
    """A positive that scores as the worst tolerated negative is not found."""
    scores = [0.9, 0.5, 0.1, 0.95, 0.5, 0.2]
    recall, threshold = recall_at(scores, [0, 0, 0, 1, 1, 1], 0.34)
    assert recall == pytest.approx(1 / 3)
    assert threshold == 0.5
