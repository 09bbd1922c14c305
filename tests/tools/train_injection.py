"""Trains the weights of the injection detector: the same bytes from the same corpora.

    python -m tests.tools.train_injection [TARGET]

reads ``tests/corpus/shared/injection`` and writes ``extproc/detectors/weights/injection.ngrams``.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from extproc.detectors.ngram_model import NgramShape
from tests.tools.ngram_training import Recipe, read_examples, train

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "corpus" / "shared" / "injection"
TARGET = ROOT / "extproc" / "detectors" / "weights" / "injection.ngrams"

RECIPE = Recipe(NgramShape(18, (5,)), penalty=6e-5, rounds=40, source_power=1.0)
"""Chosen by the scores of sources left out; rows count alike, since small sources are noisy."""

OWN_SOURCE = "own_attacks"
"""Written by us: always trained on, never reported."""


def main() -> None:
    """Write the weights, and print their digest."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    packed = train(read_examples(CORPUS), RECIPE).to_bytes()
    target.write_bytes(packed)
    print(hashlib.sha256(packed).hexdigest(), target.name)


if __name__ == "__main__":
    main()
