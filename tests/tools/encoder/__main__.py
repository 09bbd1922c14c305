"""``make train``: trains the encoder of the packaged classifier, and measures it on sources that it did not see.

    python -m tests.tools.encoder [--skip-figures] [--rows N] [--output FOLDER]

writes ``guards.safetensors`` and ``figures.json`` to ``packages/models/trained``. Then ``make models`` makes the wheel
from them, and says which SHA-256 to state. Families of sources are in three folds, of which two are left out in turn. A
score of 0.5 is where one honest text in a hundred of sources that were left out is taken for an attack, as a
mean over sources. Each of three trainings takes half an hour of a core with AMX; ``--skip-figures`` does one, and
keeps the thresholds of ``figures.json``.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial, reduce
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from tests.tools.encoder import FIGURES, TRAINED, WEIGHTS
from tests.tools.encoder.rows import JUDGED_FOLDS
from tests.tools.encoder.trainings import left_out_figures, rows_of, trained_on_all, unseen_scores
from tests.tools.models_wheel.safetensors import packed_tensors


def main() -> None:
    """Train, write, and tell."""
    parser = argparse.ArgumentParser(prog="make train", description="Train the encoder of the packaged classifier.")
    parser.add_argument("--output", type=Path, default=TRAINED, help="default: packages/models/trained")
    parser.add_argument("--skip-figures", action="store_true", help="do not train once for each fold")
    parser.add_argument("--rows", type=int, default=0, metavar="N", help="of each source and label, to try the command")
    asked = parser.parse_args()
    on_one_core = partial(torch.set_num_threads, 1)
    with ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=on_one_core) as processes:
        folds = (
            [] if asked.skip_figures else [processes.submit(unseen_scores, fold, asked.rows) for fold in JUDGED_FOLDS]
        )
        whole = processes.submit(trained_on_all, asked.rows)
        if asked.skip_figures:
            found = json.loads((TRAINED / FIGURES).read_text())
        else:
            found = left_out_figures(rows_of(asked.rows), reduce(np.fmax, [fold.result() for fold in folds]))
        tensors = whole.result()
    tensors["head.bias"] -= np.float32(found["threshold_at_fpr_0.01"])
    asked.output.mkdir(parents=True, exist_ok=True)
    (asked.output / WEIGHTS).write_bytes(packed_tensors(tensors))
    (asked.output / FIGURES).write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    for name, value in sorted(found.items()):
        print(f"{name:30} {value:.3f}")


if __name__ == "__main__":
    main()
