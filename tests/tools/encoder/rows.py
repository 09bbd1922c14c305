"""What the encoder is trained on: for each head the sources in view of its task, with honest texts of many kinds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from tests.tools import corpora, harm_training, refusal_lines, train_injection
from tests.tools.corpora import Row
from tests.tools.harm_report import SAME_FAMILY
from tests.tools.ngram_training import near_duplicate_keys

FOLDS: Final = 3
JUDGED_FOLDS: Final = (0, 1)
"""Each takes a training; two thirds of the sources say enough of what to expect."""
OURS: Final = frozenset({train_injection.OWN_SOURCE, harm_training.OWN, harm_training.OWN_ELSEWHERE, "own"})
"""Lines written by us: always trained on, never judged."""


class HeadRow(NamedTuple):
    """A text with its label for one head.

    Attributes:
        family: what is left out together with its source.
    """

    head: str
    text: str
    label: int
    source: str
    family: str


def rows() -> list[HeadRow]:
    """All rows of all heads. Honest texts are of three heads: nobody is attacked, abused or asked for harm in them."""
    attacks, honest = corpora.in_view("injection"), corpora.in_view("honest")
    ordinary = {row.source for row in (*honest, *attacks) if not row.label}
    of_harm, of_abuse = (
        [row for row in task.rows if row.source not in ordinary]
        for task in (harm_training.requests_task(), harm_training.abuse_task())
    )
    refusals = [*corpora.in_view("refusal"), *(Row(text, label, "own") for text, label in refusal_lines.lines())]
    found = [
        *_of_head("abuse", "abuse", of_abuse),
        *_of_head("harm", "harm", of_harm),
        *_of_head("injection", "injection", attacks),
        *_of_head("injection", "honest", honest),
        *_of_head("refusal", "refusal", refusals),
    ]
    harmless = [row for row in attacks if not row.label and row.source not in harm_training.OURS]
    for head in ("abuse", "harm"):
        found += _of_head(head, "injection", harmless)
        found += _of_head(head, "honest", honest)
    return found


def fold_of(row: HeadRow) -> int:
    """In which fold a row is judged by a model that did not see its family; -1: in none."""
    if row.source in OURS:
        return -1
    return hashlib.sha256(f"fold {row.family}".encode()).digest()[0] % FOLDS


def without_fold(every: Sequence[HeadRow], fold: int) -> Iterator[HeadRow]:
    """The rows of other families, but for those that are nearly one of the wanted rows that are left out."""
    left_out = [row for row in every if fold_of(row) == fold and row.label]
    seen = {key for row in left_out for key in near_duplicate_keys(row.text)}
    for row in every:
        if fold_of(row) == fold:
            continue
        keys = near_duplicate_keys(row.text)
        if row.source in OURS or 2 * len(seen & keys) < len(keys):
            yield row


def _of_head(head: str, task: str, every: Iterable[Row]) -> Iterator[HeadRow]:
    for row in every:
        family = SAME_FAMILY.get(row.source) or corpora.family_of(task, row.source)
        yield HeadRow(head, row.text, row.label, row.source, family)
