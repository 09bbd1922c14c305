"""Trains the refusal guard's model and writes ``extproc/detectors/weights/refusal.ngrams``.

    python -m tests.tools.refusal_training

Beginnings of answers of ``tests/corpus/shared/refusal``, and our own lines (``refusal_lines``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from extproc.config.guards.refusal import RefusalSection
from extproc.detectors.text.ngram_model import NgramModel
from extproc.detectors.text.ngram_windows import NgramShape
from tests.tools.ngram_training import Example, Recipe, read_examples, train
from tests.tools.refusal_lines import lines

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "tests" / "corpus" / "shared" / "refusal"
WEIGHTS = ROOT / "extproc" / "detectors" / "weights" / "refusal.ngrams"

OWN = "own"
PREFIX_CHARS = int(RefusalSection.model_fields["prefix_chars"].default)
RECIPE = Recipe(shape=NgramShape(bits=15, byte_lengths=(5,)), penalty=1e-4)


def examples() -> list[Example]:
    """Beginnings of the labelled answers, as long as the guard judges them, and our own lines."""
    labelled = [Example(row.text[:PREFIX_CHARS], row.label, row.source) for row in read_examples(SHARED)]
    return [*labelled, *(Example(text, label, OWN) for text, label in lines())]


def trained(rows: Sequence[Example]) -> NgramModel:
    """The model of some of the examples."""
    return train(rows, RECIPE)


def main() -> None:
    """Train on everything and write the weights."""
    WEIGHTS.write_bytes(trained(examples()).to_bytes())
    print(f"{WEIGHTS.relative_to(ROOT)}: {WEIGHTS.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
