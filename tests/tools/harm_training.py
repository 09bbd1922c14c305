"""Trains the harm guard's model and writes ``extproc/detectors/weights/harm.ngrams``.

    python -m tests.tools.harm_training

Harmful requests and honest texts of ``tests/corpus/shared/harm``, honest ones on harmful topics too: refusals (a model
that says what it does not do) from ``tests/corpus/shared/refusal``, and our own lines (``harm_lines``). Abusive texts
are left out: words tell them (``detectors.harm_lexicon``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from extproc.detectors.ngram_model import NgramModel, NgramShape
from tests.tools.harm_lines import lines
from tests.tools.ngram_training import Example, Recipe, read_examples, train

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "tests" / "corpus" / "shared"
WEIGHTS = ROOT / "extproc" / "detectors" / "weights" / "harm.ngrams"

OWN = "own"
ABUSIVE_SOURCES = frozenset({"davidson_tweets", "surge_toxicity"})
RECIPE = Recipe(shape=NgramShape(bits=17, byte_lengths=(5,)))
REFUSAL_CHARS = 320


def harm_examples() -> list[Example]:
    """All labelled texts of the task, as their sources label them."""
    return read_examples(SHARED / "harm")


def training_examples() -> list[Example]:
    """What the model is trained on."""
    labelled = [row for row in harm_examples() if not (row.label and row.source in ABUSIVE_SOURCES)]
    refusals = [
        Example(row.text[:REFUSAL_CHARS], 0, row.source) for row in read_examples(SHARED / "refusal") if row.label
    ]
    return [*labelled, *refusals, *(Example(text, label, OWN) for text, label in lines())]


def trained_without(left_out: str, examples: Sequence[Example]) -> NgramModel:
    """A model that never saw a source."""
    return train([example for example in examples if example.source != left_out], RECIPE)


def main() -> None:
    """Train on everything and write the weights."""
    WEIGHTS.parent.mkdir(exist_ok=True)
    WEIGHTS.write_bytes(train(training_examples(), RECIPE).to_bytes())
    print(f"{WEIGHTS.relative_to(ROOT)}: {WEIGHTS.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
