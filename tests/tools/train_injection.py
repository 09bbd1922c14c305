"""Trains the weights of the injection detector: the same bytes from the same corpora.

    python -m tests.tools.train_injection [FOLDER]

reads the sources in view (`corpora`) and writes ``injection.ngrams`` and ``injection_joined.ngrams`` (for texts without
blanks) to ``extproc/detectors/weights``. It takes some minutes.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from extproc.detectors.text.ngram_windows import NgramShape
from extproc.detectors.text.normalize import compact
from tests.tools import corpora
from tests.tools.corpora import Row
from tests.tools.ngram_training import Example, Recipe, plain_reading, train

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "extproc" / "detectors" / "weights"
TASKS = ("injection", "honest")
"""Attacks with honest texts that look like them, and ordinary text of many kinds."""

RECIPE = Recipe(NgramShape(18, (5,)), penalty=6e-5, rounds=40, source_power=0.5)
"""Chosen by the scores of sources left out."""

JOINED_RECIPE = Recipe(
    NgramShape(17, (4, 6)),
    penalty=6e-5,
    rounds=40,
    source_power=0.5,
    reading=lambda text: compact(plain_reading(text)),
)
"""For letters whose blanks are lost."""

RECIPES = {"injection": RECIPE, "injection_joined": JOINED_RECIPE}

OWN_SOURCE = "own_attacks"
"""Written by us: always trained on, never reported."""


def rows_in_view() -> dict[str, list[Row]]:
    """All that may be trained on, by task."""
    return {task: corpora.in_view(task) for task in TASKS}


def examples() -> list[Example]:
    """The same as one list."""
    return [Example(row.text, row.label, row.source) for rows in rows_in_view().values() for row in rows]


def main() -> None:
    """Write the weights, and print their digests."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else WEIGHTS
    for name, recipe in RECIPES.items():
        packed = train(examples(), recipe).to_bytes()
        (folder / f"{name}.ngrams").write_bytes(packed)
        print(hashlib.sha256(packed).hexdigest(), f"{name}.ngrams")


if __name__ == "__main__":
    main()
