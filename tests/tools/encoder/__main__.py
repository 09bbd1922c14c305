"""``make train``: trains the encoder of the packaged classifier, and measures it on sources that it did not see.

    python -m tests.tools.encoder [--skip-figures] [--output FOLDER]

writes ``guards.safetensors`` and ``figures.json`` to ``packages/models/trained``. Then ``make models`` makes the wheel
from them, and says which SHA-256 to state. Families of sources are in three folds, of which two are left out in turn. A
score of 0.5 is where one honest text in a hundred of sources that were left out is taken for an attack, as a
mean over sources. Each of three trainings takes half an hour of a core with AMX; ``--skip-figures`` does one, and
keeps the thresholds of ``figures.json``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial, reduce
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer

from tests.tools.by_source import Scored, area_under_curve, figures
from tests.tools.encoder import FIGURES, TRAINED, WEIGHTS
from tests.tools.encoder.rows import JUDGED_FOLDS, TrainingRow, fold_of, rows, without_fold
from tests.tools.encoder.training import Floats, Trainer
from tests.tools.encoder.trunk import learned_tensors
from tests.tools.models_wheel.safetensors import float_tensors, packed_tensors
from tests.tools.models_wheel.sources import CARRIERS, content_of, recorded_sources
from tests.tools.ngram_training import hash_of

_BASE: Final = "all-MiniLM-L6-v2"
_HONEST_ONE_IN: Final = 3
"""Of honest texts left out this many are judged."""


def trainer(carriers: Path = CARRIERS) -> Trainer:
    """It begins with the weights that ``sources.toml`` records. Raises: SourceUnusable."""
    sources = {source.name: source for source in recorded_sources()}
    weights, tokenizer = (
        content_of(sources[f"{_BASE}/{name}"], carriers) for name in ("model.safetensors", "tokenizer.json")
    )
    return Trainer(float_tensors(weights), Tokenizer.from_str(tokenizer.decode()))


def trained_on_all() -> dict[str, npt.NDArray[np.float32]]:
    """What is kept of an encoder of all rows."""
    return learned_tensors(trainer().train(rows(), "all"))


def unseen_scores(fold: int) -> Floats:
    """The log odds of rows, by a model that did not see their family; NaN of those not judged. [rows]

    They are the rows of a fold, but of honest texts a part.
    """
    model, every = trainer(), rows()
    trunk = model.train(list(without_fold(every, fold)), f"without fold {fold}")
    places = [place for place, row in enumerate(every) if fold_of(row) == fold and _is_judged(row)]
    texts = list(dict.fromkeys(every[place].text for place in places))
    outputs = dict(zip(texts, model.log_odds(trunk, texts), strict=True))
    scores = np.full(len(every), np.nan)
    scores[places] = [outputs[every[place].text] for place in places]
    return scores


def _is_judged(row: TrainingRow) -> bool:
    return bool(row.label) or hash_of(row.text) % _HONEST_ONE_IN == 0


def left_out_figures(every: Sequence[TrainingRow], scores: Floats) -> dict[str, float]:
    """Recall and thresholds, and the area under the curve, by name."""
    scored = [
        Scored(row.source, row.label, float(score))
        for row, score in zip(every, scores, strict=True)
        if not np.isnan(score)
    ]
    found = figures(scored) | {"auc": area_under_curve(scored)}
    return {name: round(value, 4) for name, value in found.items()}


def main() -> None:
    """Train, write, and tell."""
    parser = argparse.ArgumentParser(prog="make train", description="Train the encoder of the packaged classifier.")
    parser.add_argument("--output", type=Path, default=TRAINED, help="default: packages/models/trained")
    parser.add_argument("--skip-figures", action="store_true", help="do not train once for each fold")
    asked = parser.parse_args()
    on_one_core = partial(torch.set_num_threads, 1)
    with ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=on_one_core) as processes:
        folds = [] if asked.skip_figures else [processes.submit(unseen_scores, fold) for fold in JUDGED_FOLDS]
        whole = processes.submit(trained_on_all)
        if asked.skip_figures:
            found = json.loads((TRAINED / FIGURES).read_text())
        else:
            found = left_out_figures(rows(), reduce(np.fmax, [fold.result() for fold in folds]))
        tensors = whole.result()
    tensors["head.bias"] -= np.float32(found["threshold_at_fpr_0.01"])
    asked.output.mkdir(parents=True, exist_ok=True)
    (asked.output / WEIGHTS).write_bytes(packed_tensors(tensors))
    (asked.output / FIGURES).write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    for name, value in sorted(found.items()):
        print(f"{name:30} {value:.3f}")


if __name__ == "__main__":
    main()
