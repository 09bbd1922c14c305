"""What the encoder is trained on: the sources of attacks that are in view, with honest texts of many kinds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tests.tools import corpora, train_injection
from tests.tools.ngram_training import near_duplicate_keys

FOLDS: Final = 3
JUDGED_FOLDS: Final = (0, 1)
"""Each takes a training; two thirds of the sources say enough of what to expect."""
OURS: Final = train_injection.OWN_SOURCE
"""Lines written by us: always trained on, never judged."""


class TrainingRow(NamedTuple):
    """A text and its label: 1 for an attack.

    Attributes:
        family: what is left out together with its source.
    """

    text: str
    label: int
    source: str
    family: str


def rows() -> list[TrainingRow]:
    """All of them, in the same order each time."""
    return [
        TrainingRow(row.text, row.label, row.source, corpora.family_of(task, row.source))
        for task, found in train_injection.rows_in_view().items()
        for row in found
    ]


def fold_of(row: TrainingRow) -> int:
    """In which fold a row is judged by a model that did not see its family; -1: in none."""
    return -1 if row.source == OURS else corpora.fold_of(row.family, FOLDS)


def without_fold(every: Sequence[TrainingRow], fold: int) -> Iterator[TrainingRow]:
    """The rows of other families, but for those that are nearly one of the attacks that are left out."""
    left_out = [row for row in every if fold_of(row) == fold and row.label]
    seen = {key for row in left_out for key in near_duplicate_keys(row.text)}
    for row in every:
        if fold_of(row) == fold:
            continue
        if row.source == OURS or not corpora.nearly_repeats(row.text, seen):
            yield row
