"""Trains the models of the harm guard, and writes them below ``extproc/detectors/weights``.

    python -m tests.tools.harm_training

Two questions, two models. ``harm`` learns what texts ask for: the sources in view of the task harm, our own lines, and
honest texts of many kinds, among them refusals (a model says what it does not do) and rude talk. ``abuse`` learns the
sources of abuse. Both see honest text in quantity, and in each language at least as much of it as of the other, else a
language itself would be a sign. Locked sources take no part.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from extproc.detectors.harm.detector import (
    ABUSE_TABLE,
    REQUEST_TABLE,
    HarmModels,
    gate_of,
    signs_of_abuse,
    signs_of_requests,
)
from extproc.detectors.harm.signs import SignModel, SignTable
from extproc.detectors.harm.topics import CATEGORIES
from extproc.detectors.text.ngram_model import NgramModel
from extproc.detectors.text.ngram_windows import NgramShape
from extproc.detectors.text.normalize import plain
from tests.tools import abuse_lines, corpora, harm_grammar, harm_lines, harm_lines_elsewhere, sign_training
from tests.tools.corpora import Row
from tests.tools.ngram_training import Example, Floats, Recipe, hash_of, read_examples, row_weights

ROOT: Final = Path(__file__).resolve().parents[2]
WEIGHTS: Final = ROOT / "extproc" / "detectors" / "weights"
OWN: Final = "own"
OWN_ELSEWHERE: Final = "own_elsewhere"
OUR_LINES: Final = frozenset({OWN, OWN_ELSEWHERE})
"""Trained on, and never judged."""
ABUSIVE_SOURCES: Final = frozenset({"davidson_tweets", "surge_toxicity"})
"""Sources of abuse that are kept with the older ones of the task harm."""
OURS: Final = frozenset({"own_attacks", "own_planted", "own_hard_benign"})
"""Sources of the task injection that were made for it."""
WEAK_LABELS: Final = {"harmfulqa": 0.3, "xsafety": 0.6}
"""About half, and a third, of their rows are honest, their table says."""
ELSEWHERE_FACTOR: Final = 2.0
"""Of most languages there is little else."""
RECIPE: Final = Recipe(shape=NgramShape(bits=17, byte_lengths=(5,)), rounds=30)
CHARS_MAX: Final = 480
HONEST_CHARS: Final = 310
PIECES_MAX: Final = 4
JOINED: Final = 8
LANGUAGE_FACTOR_MAX: Final = 20.0
ALLOWANCES: Final = {"harm": 0.7, "abuse": 0.5}
"""Taken off all scores: then .5, the guard's threshold, lets one honest text in a hundred be found, as a mean over the
honest sources that a model never saw (``harm_report``)."""


class Task(NamedTuple):
    """One of the two questions.

    Attributes:
        name: of its weights.
        rows: what may be trained on.
        table: of its signs.
        read: which signs a text in plain form has.
    """

    name: str
    rows: Sequence[Row]
    table: SignTable
    read: Callable[[bytes], int]


def is_abuse(row: Row) -> bool:
    """Whether a row of the task harm is about abuse."""
    return row.source in ABUSIVE_SOURCES or (row.source == "xsafety" and row.kind == "insult")


def requests_task() -> Task:
    """What texts ask for."""
    rows = [row for row in corpora.in_view("harm") if not (is_abuse(row) and row.label)]
    rows += [row for row in corpora.in_view("abuse") if not row.label]
    rows += [row._replace(label=0) for row in corpora.in_view("refusal") if row.label and hash_of(row.text) % 3 == 0]
    rows += [Row(text, label, OWN) for text, label in (*harm_lines.lines(), *harm_grammar.lines())]
    rows += [Row(text, label, OWN_ELSEWHERE, lang=lang) for text, label, lang in harm_lines_elsewhere.lines()]
    return Task("harm", [*rows, *_honest()], REQUEST_TABLE, signs_of_requests().read)


def abuse_task() -> Task:
    """What is said of whom."""
    rows = [row for row in corpora.in_view("harm") if is_abuse(row) or not row.label]
    rows += [Row(text, label, OWN, lang=lang) for text, label, lang in abuse_lines.lines()]
    return Task("abuse", [*rows, *corpora.in_view("abuse"), *_honest()], ABUSE_TABLE, signs_of_abuse().read)


def _honest() -> Iterator[Row]:
    """Pieces of texts of the task honest, and of what is no attack in the task injection."""
    known = {row.text for row in corpora.in_view("harm")}
    rows = corpora.in_view("honest")
    rows += [
        row
        for row in corpora.in_view("injection")
        if not row.label and row.source not in OURS and row.text not in known
    ]
    for row in (*rows, *_joined(rows)):
        yield from _pieces(row)


def _joined(rows: Iterable[Row]) -> Iterator[Row]:
    """Short texts of a source one behind the other: the guard reads a sentence together with those before it."""
    for _, of_source in groupby(rows, key=lambda row: row.source):
        short = [row for row in of_source if len(row.text) < HONEST_CHARS]
        for begin in range(0, len(short), JOINED):
            yield short[begin]._replace(text=" ".join(row.text for row in short[begin : begin + JOINED]))


def _pieces(row: Row) -> Iterator[Row]:
    """The first pieces of a text that the guard would judge, and of one text in four any other."""
    pieces = [row.text[begin : begin + HONEST_CHARS] for begin in range(0, len(row.text), HONEST_CHARS)]
    judged = [piece for piece in pieces if gate_of(CATEGORIES).any(_plain_utf8(piece))][:PIECES_MAX]
    if hash_of(row.text) % 4 == 0:
        judged.append(pieces[hash_of(row.text) % len(pieces)])
    yield from (row._replace(text=piece) for piece in dict.fromkeys(judged))


def _plain_utf8(text: str) -> bytes:
    return plain(text).encode("utf-8", "replace")


def shortened(row: Row) -> Example:
    """A row as it is trained on: its beginning, which holds most of what is asked."""
    return Example(row.text[: CHARS_MAX if row.label else HONEST_CHARS], row.label, row.source)


def examples() -> list[Example]:
    """Older sources, refusals and our own lines: what the transformer's head of this task is trained on."""
    refusals = [
        Example(row.text[:HONEST_CHARS], 0, row.source)
        for row in read_examples(corpora.SHARED / "refusal")
        if row.label
    ]
    return [*read_examples(corpora.SHARED / "harm"), *refusals, *(Example(*line, OWN) for line in harm_lines.lines())]


class Preparation(NamedTuple):
    """A task with everything computed that models of parts of it share."""

    task: Task
    prepared: sign_training.Prepared
    importance: Floats


def prepare(task: Task) -> Preparation:
    """Features and weights of all rows."""
    examples = [shortened(row) for row in task.rows]

    def features_of(text: str) -> list[str]:
        return task.table.features(task.read(_plain_utf8(text)))

    prepared = sign_training.prepared(examples, RECIPE, features_of)
    return Preparation(task, prepared, _importance(task.rows, examples))


def _importance(rows: Sequence[Row], examples: Sequence[Example]) -> Floats:
    factors = np.array([WEAK_LABELS.get(row.source, 1.0) if row.label else 1.0 for row in rows])
    factors[[row.source == OWN_ELSEWHERE for row in rows]] = ELSEWHERE_FACTOR
    weights = row_weights(examples, np.arange(len(rows)), RECIPE) * factors
    totals: dict[tuple[str, int], float] = defaultdict(float)
    for row, weight in zip(rows, weights.tolist(), strict=True):
        totals[row.lang, row.label] += weight
    for number, row in enumerate(rows):
        if not row.label:
            wanted = totals[row.lang, 1] / totals[row.lang, 0]
            factors[number] *= min(max(wanted, 1.0), LANGUAGE_FACTOR_MAX)
    return factors


def trained(preparation: Preparation, chosen: npt.NDArray[np.bool_] | None = None) -> sign_training.Trained:
    """The model of some of the rows, or of all."""
    every = np.ones(len(preparation.task.rows), bool)
    model = sign_training.trained(
        preparation.prepared, every if chosen is None else chosen, RECIPE, preparation.importance
    )
    ngrams = model.ngrams
    bias = float(np.float32(ngrams.scale.bias - ALLOWANCES[preparation.task.name]))
    return model._replace(ngrams=NgramModel(ngrams.shape, ngrams.weights, ngrams.scale.factor, bias))


def models_of(requests: sign_training.Trained, abuse: sign_training.Trained) -> HarmModels:
    """What a detector takes."""
    return HarmModels(
        requests.ngrams,
        SignModel(REQUEST_TABLE, requests.signs),
        abuse.ngrams,
        SignModel(ABUSE_TABLE, abuse.signs),
    )


def main() -> None:
    """Train on everything in view and write the weights."""
    for task in (requests_task(), abuse_task()):
        model = trained(prepare(task))
        (WEIGHTS / f"{task.name}.ngrams").write_bytes(model.ngrams.to_bytes())
        (WEIGHTS / f"{task.name}.signs.json").write_text(json.dumps(model.signs, indent=0) + "\n")
        print(f"{task.name}: {len(model.signs)} signs, {(WEIGHTS / f'{task.name}.ngrams').stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
