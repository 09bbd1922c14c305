"""Trains the weights of the injection detector: the same bytes from the same corpora.

    python -m tests.tools.train_injection [FOLDER]

reads ``tests/corpus/shared/injection`` and writes ``injection.ngrams`` and ``injection_joined.ngrams`` (for texts
without blanks) to ``extproc/detectors/weights``.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from extproc.detectors.text.ngram_model import NgramShape
from extproc.detectors.text.normalize import compact
from tests.tools.ngram_training import Recipe, plain_reading, read_examples, train

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "corpus" / "shared" / "injection"
WEIGHTS = ROOT / "extproc" / "detectors" / "weights"

RECIPE = Recipe(NgramShape(18, (5,)), penalty=6e-5, rounds=40, source_power=1.0)
"""Chosen by the scores of sources left out; rows count alike, since small sources are noisy."""

JOINED_RECIPE = Recipe(
    NgramShape(17, (4, 6)),
    penalty=6e-5,
    rounds=40,
    source_power=1.0,
    reading=lambda text: compact(plain_reading(text)),
)
"""For letters whose blanks are lost."""

RECIPES = {"injection": RECIPE, "injection_joined": JOINED_RECIPE}

OWN_SOURCE = "own_attacks"
"""Written by us: always trained on, never reported."""


def main() -> None:
    """Write the weights, and print their digests."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else WEIGHTS
    for name, recipe in RECIPES.items():
        packed = train(read_examples(CORPUS), recipe).to_bytes()
        (folder / f"{name}.ngrams").write_bytes(packed)
        print(hashlib.sha256(packed).hexdigest(), f"{name}.ngrams")


if __name__ == "__main__":
    main()
