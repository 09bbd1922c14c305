"""The trainings that ``make train`` does beside each other, each in a process of its own.

They are not in ``__main__``: a process that is spawned cannot import what is defined there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from tests.tools.by_source import Scored, area_under_curve, figures
from tests.tools.encoder.rows import TrainingRow, fold_of, rows, without_fold
from tests.tools.encoder.training import Floats, Recipe, Trainer, drawn
from tests.tools.encoder.trunk import learned_tensors
from tests.tools.models_wheel.safetensors import float_tensors
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


def rows_of(rows_max: int) -> list[TrainingRow]:
    """All rows, or as many of each source and label, to try the command; 0: all."""
    return drawn(rows(), Recipe(rows_max=rows_max, own_rows_max=rows_max)) if rows_max else rows()


def trained_on_all(rows_max: int) -> dict[str, npt.NDArray[np.float32]]:
    """What is kept of an encoder of all rows. Args: as ``rows_of``."""
    return learned_tensors(trainer().train(rows_of(rows_max), "all"))


def unseen_scores(fold: int, rows_max: int) -> Floats:
    """The log odds of rows, by a model that did not see their family; NaN of those not judged. [rows]

    They are the rows of a fold, but of honest texts a part. Args: as ``rows_of``.
    """
    model, every = trainer(), rows_of(rows_max)
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
