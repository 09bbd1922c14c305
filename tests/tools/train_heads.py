"""Trains the heads of the packaged classifier, and measures them on sources that they have not seen.

    python -m tests.tools.train_heads [CORPORA] > extproc/classifiers/adapters/heads.json

CORPORA (default: ``tests/corpus/shared``) holds TASK/SOURCE.jsonl.gz, with ``text`` and ``label`` (1: what is looked
for) in each line; needs scikit-learn and the extra ``packaged``, and takes some minutes. A score of 0.5 is where one
harmless text in a hundred, of a source that was left out of the training, is taken for harmful; that is the
classifier's default threshold.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llm_extproc_models
import numpy as np

from extproc.classifiers.adapters.packaged import MODEL, SentenceVectors
from tests.tools.ngram_training import read_examples

CORPORA = Path(__file__).parents[1] / "corpus" / "shared"
WINDOW_TOKENS_MAX = 256
CHARS_MAX = 8_000
RATES = (0.01, 0.05)
HEADS: dict[str, tuple[str, tuple[str, ...]]] = {
    # Our own lines are made from few patterns: they would outweigh what people wrote.
    "injection": ("injection", ("own_attacks",)),
    # Harmful requests are left out: on sources that were not trained on, this model does not know them.
    "abuse": ("harm", ("advbench", "catqa")),
}
"""Task, and sources of it that are left out, by head."""
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Rows:
    """Texts of one task: vectors [windows, 384], and for each window its row; label and source of each row."""

    vectors: Array
    row: Array
    label: Array
    source: Array


def read(folder: Path, left_out: tuple[str, ...]) -> Rows:
    """All sources of a task."""
    vectors_of = SentenceVectors(WINDOW_TOKENS_MAX).of
    vectors: list[Array] = []
    rows: list[int] = []
    labels: list[int] = []
    sources: list[str] = []
    for text, label, source in read_examples(folder):
        if source in left_out:
            continue
        windows = vectors_of(text[:CHARS_MAX])
        vectors.append(windows)
        rows += [len(labels)] * len(windows)
        labels.append(label)
        sources.append(source)
    return Rows(np.concatenate(vectors), np.array(rows), np.array(labels), np.array(sources))


def trained(rows: Rows, of_rows: Array) -> tuple[Array, float]:
    """Weights [384] and bias, from some of the rows."""
    from sklearn.linear_model import LogisticRegression

    windows = of_rows[rows.row]
    model = LogisticRegression(C=1.0, class_weight="balanced", max_iter=2_000)
    model.fit(rows.vectors[windows], rows.label[rows.row[windows]])
    return model.coef_[0], float(model.intercept_[0])


def scores(rows: Rows, weights: Array, bias: float) -> Array:
    """The worst window of each row, before the sigmoid. [rows]"""
    worst = np.full(len(rows.label), -np.inf)
    np.maximum.at(worst, rows.row, rows.vectors @ weights + bias)
    return worst


def scores_of_unseen(rows: Rows) -> Array:
    """The score of each row, from a model that was trained without its source. [rows]"""
    unseen = np.zeros(len(rows.label))
    for source in np.unique(rows.source):
        mine = rows.source == source
        unseen[mine] = scores(rows, *trained(rows, ~mine))[mine]
    return unseen


def head_of(rows: Rows) -> dict[str, Any]:
    """What is shipped: weights, bias, and what they are worth."""
    unseen, found = scores_of_unseen(rows), rows.label == 1
    at = {rate: float(np.quantile(unseen[~found], 1 - rate)) for rate in RATES}
    weights, bias = trained(rows, np.ones(len(rows.label), dtype=bool))
    measured: dict[str, Any] = {"rows": len(found), "found": int(found.sum())}
    for rate, threshold in at.items():
        measured[f"recall_at_{rate:.0%}"] = round(float((unseen[found] > threshold).mean()), 3)
    for source in np.unique(rows.source):
        mine = rows.source == source
        for name, part in (("recall", mine & found), ("false", mine & ~found)):
            if part.any():
                measured[f"{source}_{name}_at_1%"] = round(float((unseen[part] > at[RATES[0]]).mean()), 3)
    return {
        "model_sha256": {file.name: file.sha256 for file in llm_extproc_models.FILES}[MODEL],
        "bias": round(bias - at[RATES[0]], 5),
        "leave_one_source_out": measured,
        "weights": [round(float(weight), 5) for weight in weights],
    }


def main() -> None:
    """Write heads.json."""
    corpora = Path(sys.argv[1]) if sys.argv[1:] else CORPORA
    heads = {head: head_of(read(corpora / task, left_out)) for head, (task, left_out) in sorted(HEADS.items())}
    json.dump(heads, sys.stdout, separators=(",", ":"))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
