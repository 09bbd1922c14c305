"""``make train``: what is left out of a training, and what its figures say. Training is tried where it can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from tests.tools.ngram_training import Example
from tests.tools.train_transformer import (
    TASKS,
    Task,
    figures_of,
    figures_with,
    threshold_at,
    unseen_evidence,
    unseen_scores,
    without,
)

LONG = "the quick brown fox jumps over the lazy dog and runs away into the deep dark wood again"
ROWS = [
    Example("attack", 1, "one"),
    Example("honest", 0, "one"),
    Example(LONG, 0, "one"),
    Example("another attack", 1, "two"),
    Example("another honest text", 0, "two"),
    Example(f"{LONG} today", 0, "two"),
    Example(f"{LONG} tomorrow", 0, "own"),
]
TASK = Task("attack", lambda: ROWS, (frozenset({"one"}), frozenset({"two"})), "own", 10, {})


class FakeTuner:
    """Remembers what it was trained on; a text that it saw scores 100, others by what they say."""

    def train(self, examples: Sequence[Example]) -> frozenset[str]:
        """The texts are the model."""
        return frozenset(example.text for example in examples)

    def log_odds(self, model: frozenset[str], texts: Sequence[str]) -> list[float]:
        """By what they say."""
        return [100.0 if text in model else float("attack" in text) for text in texts]


def unseen() -> Any:
    """Scores of the rows."""
    tuner: Any = FakeTuner()
    return unseen_scores(tuner, ROWS, TASK)


@pytest.mark.parametrize("name", TASKS)
def test_every_source_is_judged_once_and_by_a_model_that_did_not_see_it(name: str) -> None:
    """Groups divide the sources; our own lines are in none, and no figure is of them."""
    task = TASKS[name]
    rows = task.rows()
    sources = {row.source for row in rows} - {task.always}
    assert sorted(source for group in task.groups for source in group) == sorted(sources)
    assert all(view <= sources for view in task.views.values())
    assert sum(row.source == task.always for row in rows) <= task.own_rows_max
    for group in task.groups:
        rest = without(rows, group, task.always)
        assert group.isdisjoint(row.source for row in rest)
        assert {row.label for row in rest} == {0, 1}


def test_near_copies_of_what_is_left_out_are_left_out_too() -> None:
    """But for our own lines, which were written without it."""
    rest = without(ROWS, frozenset({"one"}), "own")
    assert [row.text for row in rest] == ["another attack", "another honest text", f"{LONG} tomorrow"]


def test_no_row_is_judged_by_a_model_that_saw_it() -> None:
    """Our own lines are not judged at all."""
    scores = unseen()
    assert np.isnan(scores[-1])
    assert list(scores[:-1]) == [1, 0, 0, 1, 0, 0]


def test_the_detector_that_is_heard_too_did_not_see_the_group_either() -> None:
    """And its evidence counts for the texts that are judged."""
    seen: list[set[str]] = []

    def detector_of(examples: Sequence[Example]) -> Callable[[str], float]:
        seen.append({example.source for example in examples})
        return lambda text: -1.0 if text == "honest" else 0.5

    evidence = unseen_evidence(ROWS, TASK, detector_of)
    assert seen == [{"two", "own"}, {"one", "own"}]
    assert list(evidence[:3]) == [0.5, -1.0, 0.5]
    assert np.isnan(evidence[-1])
    figures = figures_with(ROWS, unseen() + evidence)
    assert figures["with_detector.recall_at_fpr_0.01"] == 1
    assert 0.5 < figures["with_detector.threshold_at_fpr_0.01"] < 0.7


def test_figures_are_of_all_and_of_each_source() -> None:
    """By the threshold that one honest text in a hundred may be over."""
    figures = figures_of(ROWS, unseen(), TASK)
    assert threshold_at(ROWS, unseen(), TASK) == 0
    assert figures["all.recall_at_fpr_0.01"] == 1
    assert (figures["recall.one"], figures["false_positive_rate.two"]) == (1, 0)
    assert not any("own" in name for name in figures)
