"""Trains the harm guard's model and writes ``extproc/detectors/weights/harm.ngrams``.

    python -m tests.tools.harm_training

Harmful requests and honest texts of ``tests/corpus/shared/harm``, honest ones on harmful topics too: refusals (a model
that says what it does not do) from ``tests/corpus/shared/refusal``, and our own lines (``harm_lines``). Abusive texts
are left out: words tell them (``detectors.harm_lexicon``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from extproc.detectors.text.ngram_model import NgramModel, NgramShape
from tests.tools.harm_lines import lines
from tests.tools.ngram_training import Example, Recipe, read_examples, train

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "tests" / "corpus" / "shared"
WEIGHTS = ROOT / "extproc" / "detectors" / "weights" / "harm.ngrams"

OWN = "own"
ABUSIVE_SOURCES = frozenset({"davidson_tweets", "surge_toxicity"})
REFUSAL_SOURCES = frozenset({"gptfuzz_responses", "refusal_direction"})
RECIPE = Recipe(shape=NgramShape(bits=17, byte_lengths=(5,)))
REFUSAL_CHARS = 320
ALLOWANCE_LOG_ODDS = 0.4
"""Taken off all scores: then .5, the guard's threshold, lets fewer than one honest text in a hundred of a source that
the model never saw be found (``harm_report``)."""


def harm_examples() -> list[Example]:
    """All labelled texts of the task, as their sources label them."""
    return read_examples(SHARED / "harm")


def examples() -> list[Example]:
    """The labelled texts of the task, refusals as honest texts, and our own lines."""
    refusals = [
        Example(row.text[:REFUSAL_CHARS], 0, row.source) for row in read_examples(SHARED / "refusal") if row.label
    ]
    return [*harm_examples(), *refusals, *(Example(text, label, OWN) for text, label in lines())]


def trained(rows: Sequence[Example]) -> NgramModel:
    """The model of some of the examples; abuse is not among what it learns."""
    model = train([row for row in rows if not (row.label and row.source in ABUSIVE_SOURCES)], RECIPE)
    model.bias -= ALLOWANCE_LOG_ODDS
    return model


def main() -> None:
    """Train on everything and write the weights."""
    WEIGHTS.parent.mkdir(exist_ok=True)
    WEIGHTS.write_bytes(trained(examples()).to_bytes())
    print(f"{WEIGHTS.relative_to(ROOT)}: {WEIGHTS.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
