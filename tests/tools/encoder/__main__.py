"""``make train``: trains the encoder of the packaged classifier, and measures it on sources that it did not see.

    python -m tests.tools.encoder [--skip-figures] [--output FOLDER]

writes ``guards.safetensors`` and ``figures.json`` to ``packages/models/trained``. Then ``make models`` makes the wheel
from them, and says which SHA-256 to state. Families of sources are in three folds, of which two are left out in turn. A
score of 0.5 is where one honest text in a hundred of sources that were left out is taken for what the head looks for,
as a mean over sources. Two cores with AMX take an hour; ``--skip-figures`` takes a third of it, and keeps thresholds
of ``figures.json``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from tokenizers import Tokenizer

from extproc.classifiers.adapters.heads import HEADS
from tests.tools.by_source import Scored, area_under_curve, figures
from tests.tools.encoder import FIGURES, TRAINED, WEIGHTS
from tests.tools.encoder.rows import JUDGED_FOLDS, HeadRow, fold_of, rows, without_fold
from tests.tools.encoder.training import Floats, Trainer, say
from tests.tools.encoder.trunk import learned_tensors
from tests.tools.models_wheel.safetensors import float_tensors, packed_tensors
from tests.tools.models_wheel.sources import CARRIERS, content_of, recorded_sources

_BASE: Final = "all-MiniLM-L6-v2"


def trainer(carriers: Path = CARRIERS) -> Trainer:
    """It begins with the weights that ``sources.toml`` records. Raises: SourceUnusable."""
    sources = {source.name: source for source in recorded_sources()}
    weights, tokenizer = (
        content_of(sources[f"{_BASE}/{name}"], carriers) for name in ("model.safetensors", "tokenizer.json")
    )
    return Trainer(float_tensors(weights), Tokenizer.from_str(tokenizer.decode()))


def unseen_scores(trainer: Trainer, every: Sequence[HeadRow]) -> Floats:
    """The log odds of each row for its head, by a model that did not see its family; NaN where none judges. [rows]"""
    scores = np.full(len(every), np.nan)
    for fold in JUDGED_FOLDS:
        rest = list(without_fold(every, fold))
        say(f"fold {fold}: training on {len(rest):,} rows")
        trunk = trainer.train(rest)
        places = [place for place, row in enumerate(every) if fold_of(row) == fold]
        texts = list(dict.fromkeys(every[place].text for place in places))
        outputs = dict(zip(texts, trainer.log_odds(trunk, texts), strict=True))
        scores[places] = [outputs[every[place].text][HEADS.index(every[place].head)] for place in places]
    return scores


def left_out_figures(every: Sequence[HeadRow], scores: Floats) -> dict[str, float]:
    """Recall and thresholds, and the area under the curve over sources with both labels, ``HEAD.FIGURE``."""
    found: dict[str, float] = {}
    for head in HEADS:
        scored = [
            Scored(row.source, row.label, float(score))
            for row, score in zip(every, scores, strict=True)
            if row.head == head and not np.isnan(score)
        ]
        found |= {f"{head}.{name}": round(value, 4) for name, value in figures(scored).items()}
        both = {one.source for one in scored if one.label} & {one.source for one in scored if not one.label}
        found[f"{head}.auc"] = round(area_under_curve([one for one in scored if one.source in both]), 4)
    return found


def main() -> None:
    """Train, write, and tell."""
    parser = argparse.ArgumentParser(prog="make train", description="Train the encoder of the packaged classifier.")
    parser.add_argument("--output", type=Path, default=TRAINED, help="default: packages/models/trained")
    parser.add_argument("--skip-figures", action="store_true", help="do not train once for each fold")
    asked = parser.parse_args()
    every, model = rows(), trainer()
    if asked.skip_figures:
        found = json.loads((TRAINED / FIGURES).read_text())
    else:
        found = left_out_figures(every, unseen_scores(model, every))
    say(f"training on all {len(every):,} rows")
    tensors = learned_tensors(model.train(every))
    tensors["heads.bias"] -= np.array([found[f"{head}.threshold_at_fpr_0.01"] for head in HEADS], np.float32)
    asked.output.mkdir(parents=True, exist_ok=True)
    (asked.output / WEIGHTS).write_bytes(packed_tensors(tensors))
    (asked.output / FIGURES).write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    for name, value in sorted(found.items()):
        print(f"{name:45} {value:.3f}")


if __name__ == "__main__":
    main()
