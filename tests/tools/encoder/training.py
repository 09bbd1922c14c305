"""Fits the encoder to rows of all heads at once: a text counts for the head that it is labelled for.

The same rows give the same weights on one machine; another processor adds up in another order, which changes a score in
the third digit.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional

from extproc.classifiers.adapters.heads import HEADS
from tests.tools.encoder.rows import OURS, HeadRow
from tests.tools.encoder.trunk import Tensors, Trunk
from tests.tools.ngram_training import hash_of

_SORTED_TOGETHER: Final = 2_048
"""Rows of like length make a batch without padding; chance remains over these."""
_GRADIENT_NORM_MAX: Final = 1.0
_TOLD_EVERY: Final = 400
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train.

    Attributes:
        window_tokens_max: of a longer text, one window by chance is trained on, and the worst of all is its score.
        rows_max: of one source and label.
        own_rows_max: of our own lines, made from few patterns: they would outweigh what people wrote.
        batch_tokens: of one step, padding included.
        warm_up: share of the steps in which the rate rises; then it falls to nothing.
        label_smoothing: keeps the scores of models that saw different sources comparable.
        source_power: a source of n rows counts as n ** power.
    """

    epochs: int = 2
    learning_rate: float = 2e-4
    dropout: float = 0.1
    window_tokens_max: int = 256
    rows_max: int = 300
    own_rows_max: int = 1_500
    batch_tokens: int = 2_048
    warm_up: float = 0.08
    label_smoothing: float = 0.05
    source_power: float = 0.5
    seed: int = 0


@dataclass(slots=True)
class _Sample:
    """A window: of which text it is, and its label and weight for each head; a weight of 0 where it has none."""

    ids: list[int]
    text: int
    labels: list[float]
    weights: list[float]


class Trainer:
    """Trains and judges encoders that begin as the same one."""

    def __init__(self, tensors: Tensors, tokenizer: Tokenizer, recipe: Recipe | None = None) -> None:
        self.recipe = recipe or Recipe()
        self.tensors = tensors
        self.tokenizer = tokenizer
        tokenizer.no_padding()

    def train(self, rows: Sequence[HeadRow]) -> Trunk:
        """An encoder of these rows."""
        recipe = self.recipe
        torch.manual_seed(recipe.seed)
        chance = random.Random(recipe.seed)
        samples = self._samples(rows, chance)
        trunk = Trunk(self.tensors, len(HEADS), recipe.dropout)
        weights = [parameter for parameter in trunk.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=0.01)
        batches = [batch for _ in range(recipe.epochs) for batch in _batches(samples, recipe.batch_tokens, chance)]
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self._rate(step / len(batches)))
        trunk.train()
        for number, batch in enumerate(batches):
            optimizer.zero_grad()
            loss = _loss(trunk, batch, recipe.label_smoothing)
            loss.backward()
            nn.utils.clip_grad_norm_(weights, _GRADIENT_NORM_MAX)
            optimizer.step()
            schedule.step()
            if number % _TOLD_EVERY == 0:
                say(f"step {number} of {len(batches)}")
        trunk.eval()
        return trunk

    def log_odds(self, trunk: Trunk, texts: Sequence[str]) -> Floats:
        """Of each text that of its worst window for each head. [texts, heads]"""
        size = self.recipe.window_tokens_max
        samples = [
            _Sample(ids, number, [], []) for number, text in enumerate(texts) for ids in self._windows(text, size)
        ]
        worst = np.full((len(texts), len(HEADS)), -np.inf)
        for batch in _batches(samples, 4 * self.recipe.batch_tokens, None):
            with torch.inference_mode():
                outputs = trunk(*_inputs(batch)).numpy()
            for sample, output in zip(batch, outputs, strict=True):
                worst[sample.text] = np.maximum(worst[sample.text], output)
        return worst

    def _windows(self, text: str, size: int) -> list[list[int]]:
        self.tokenizer.enable_truncation(size, stride=size // 8)
        whole = self.tokenizer.encode(text)
        return [window.ids for window in (whole, *whole.overflowing)]

    def _samples(self, rows: Sequence[HeadRow], chance: random.Random) -> list[_Sample]:
        """A window of each text, with what it is for all heads. The labels of a head weigh alike, and the heads do."""
        recipe = self.recipe
        kept = _drawn(rows, recipe)
        counts = Counter((row.head, row.source, row.label) for row in kept)
        shares = {key: count ** (recipe.source_power - 1) for key, count in counts.items()}
        of_label: dict[tuple[str, int], float] = defaultdict(float)
        for row in kept:
            of_label[row.head, row.label] += shares[row.head, row.source, row.label]
        samples: dict[str, _Sample] = {}
        for row in kept:
            if row.text not in samples:
                window = chance.choice(self._windows(row.text, recipe.window_tokens_max))
                samples[row.text] = _Sample(window, len(samples), [0.0] * len(HEADS), [0.0] * len(HEADS))
            place = HEADS.index(row.head)
            samples[row.text].labels[place] = row.label
            share = shares[row.head, row.source, row.label]
            samples[row.text].weights[place] = share / of_label[row.head, row.label]
        scale = len(samples) / (2 * len({row.head for row in kept}))
        for sample in samples.values():
            sample.weights = [weight * scale for weight in sample.weights]
        return list(samples.values())

    def _rate(self, done: float) -> float:
        """The share of the learning rate, once this share of the steps is done."""
        return min(1.0, (done + 1e-3) / self.recipe.warm_up) * max(0.0, 1.0 - done)


def _drawn(rows: Sequence[HeadRow], recipe: Recipe) -> list[HeadRow]:
    """As many rows of each source and label as count: of a text that several heads have, all or none."""
    groups: dict[tuple[str, str, int], list[HeadRow]] = defaultdict(list)
    for row in rows:
        groups[row.head, row.source, row.label].append(row)
    kept = []
    for (_, source, _), group in sorted(groups.items()):
        rows_max = recipe.own_rows_max if source in OURS else recipe.rows_max
        kept += sorted(group, key=lambda row: hash_of(row.text))[:rows_max]
    return kept


def _batches(samples: Sequence[_Sample], tokens_max: int, chance: random.Random | None) -> list[list[_Sample]]:
    """Samples of like length together, in an order of chance where there is any."""
    order = list(samples)
    if chance is not None:
        chance.shuffle(order)
    size = _SORTED_TOGETHER if chance is not None else max(len(order), 1)
    batches: list[list[_Sample]] = []
    for begin in range(0, len(order), size):
        batch: list[_Sample] = []
        for sample in sorted(order[begin : begin + size], key=lambda sample: len(sample.ids)):
            if batch and len(sample.ids) * (len(batch) + 1) > tokens_max:
                batches.append(batch)
                batch = []
            batch.append(sample)
        batches.append(batch)
    if chance is not None:
        chance.shuffle(batches)
    return [batch for batch in batches if batch]


def _inputs(batch: Sequence[_Sample]) -> tuple[torch.Tensor, torch.Tensor]:
    length = max(len(sample.ids) for sample in batch)
    ids = torch.tensor([sample.ids + [0] * (length - len(sample.ids)) for sample in batch])
    mask = torch.tensor([[True] * len(sample.ids) + [False] * (length - len(sample.ids)) for sample in batch])
    return ids, mask


def _loss(trunk: Trunk, batch: Sequence[_Sample], smoothing: float) -> torch.Tensor:
    labels = torch.tensor([sample.labels for sample in batch]) * (1 - smoothing) + smoothing / 2
    losses = functional.binary_cross_entropy_with_logits(trunk(*_inputs(batch)), labels, reduction="none")
    return (losses * torch.tensor([sample.weights for sample in batch])).sum() / len(batch)


def say(what: str) -> None:
    """Progress, with the time of day."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)
