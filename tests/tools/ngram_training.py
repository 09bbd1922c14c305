"""Trains n-gram models and judges them without the sources they were trained on.

    examples = [Example(text, label, source), ...]
    model = train(examples, NgramShape())
    scores = leave_one_source_out(examples, lambda rest: train(rest, NgramShape()).log_odds_of)

Logistic regression by a hand-written L-BFGS over plain numpy sums: the same weights file from the same examples, with
no library whose next release would give another. A text counts by its windows, each source and each label counts as
configured, not by how many rows it happens to have.
"""

from __future__ import annotations

import gzip
import json
import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from extproc.detectors.text.ngram_arrays import FeatureReader, Features, window_starts
from extproc.detectors.text.ngram_model import NgramModel, fold, slices
from extproc.detectors.text.ngram_windows import WIDE, NgramShape
from extproc.detectors.text.normalize import plain

Floats = npt.NDArray[np.float64]
Scorer = Callable[[str], float]

TRAINING_STEP_BYTES = 160
_HISTORY = 8
_WEIGHT_MAX = 127


class Example(NamedTuple):
    """One labelled text; ``label`` is 0 or 1."""

    text: str
    label: int
    source: str


def plain_reading(text: str) -> bytes:
    """What the model reads of a text, but for folding."""
    return plain(text).encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train.

    Attributes:
        shape: which features the model has.
        penalty: of the squared weights, over the sum of all examples' weights.
        rounds: steps of the solver.
        source_power: a source of n rows counts as n ** power: 1 by rows, 0 all alike.
        positive_share: which part of all weight the positive rows have.
        windows: a long text counts by its windows; else it is one row.
        reading: what the model will read of a text.
    """

    shape: NgramShape = field(default_factory=NgramShape)
    penalty: float = 3e-5
    rounds: int = 60
    source_power: float = 0.5
    positive_share: float = 0.5
    windows: bool = True
    reading: Callable[[str], bytes] = plain_reading


def read_examples(folder: Path) -> list[Example]:
    """All rows of ``SOURCE.jsonl`` and ``SOURCE.jsonl.gz`` in a folder, by the source's name."""
    examples: list[Example] = []
    for path in sorted(folder.glob("*.jsonl*")):
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        source = path.name.split(".")[0]
        rows = (json.loads(line) for line in raw.decode("utf-8").split("\n") if line.strip())
        examples += [Example(row["text"], int(row["label"]), source) for row in rows]
    return examples


class Matrix(NamedTuple):
    """Windows as rows of a sparse matrix; each feature of a row counts 1 / sqrt(bytes of the window).

    Attributes:
        columns: places in the table of weights, row after row.
        starts: where each row begins in ``columns``.
        factors: the value of each feature of a row.
        owners: which example each row belongs to.
    """

    columns: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    factors: Floats
    owners: npt.NDArray[np.int64]


def matrix_of(texts: Sequence[str], recipe: Recipe) -> Matrix:
    """The features of each window of each text."""
    reader = FeatureReader(recipe.shape)
    columns: list[npt.NDArray[np.int32]] = []
    lengths: list[int] = []
    owners: list[int] = []
    for owner, text in enumerate(texts):
        for _, piece in slices(fold(recipe.reading(text))):
            features = reader.read(piece)
            for start, end in _windows(features.length_bytes, recipe.windows):
                columns.append(_columns(features, start, end))
                lengths.append(end - start)
                owners.append(owner)
    starts = np.concatenate([[0], np.cumsum([len(row) for row in columns])[:-1]]).astype(np.int64)
    factors = 1.0 / np.sqrt(np.array(lengths, np.float64))
    return Matrix(np.concatenate(columns), starts, factors, np.array(owners, np.int64))


def _windows(length_bytes: int, windows: bool) -> list[tuple[int, int]]:
    if length_bytes <= WIDE.size_bytes or not windows:
        return [(0, length_bytes)]
    starts = window_starts(length_bytes, TRAINING_STEP_BYTES).tolist()
    return [(start, start + WIDE.size_bytes) for start in starts]


def _columns(features: Features, start: int, end: int) -> npt.NDArray[np.int32]:
    first, last = np.searchsorted(features.word_starts, [start, end])
    byte_ngrams = features.byte_ngrams[:, start:end].ravel()
    return np.concatenate([byte_ngrams, features.word_ngrams[first:last].ravel()]).astype(np.int32)


def row_weights(examples: Sequence[Example], owners: npt.NDArray[np.int64], recipe: Recipe) -> Floats:
    """How much each window counts: its share of its text, of its source, of its label; all together 1."""
    rows = Counter((example.source, example.label) for example in examples)
    text_weights = np.array(
        [rows[example.source, example.label] ** (recipe.source_power - 1.0) for example in examples], np.float64
    )
    labels = np.array([example.label for example in examples])
    for label, share in ((1, recipe.positive_share), (0, 1.0 - recipe.positive_share)):
        text_weights[labels == label] *= share / text_weights[labels == label].sum()
    windows_of_text = np.bincount(owners, minlength=len(examples))
    weights: Floats = (text_weights / np.maximum(windows_of_text, 1))[owners]
    return weights


def fit(matrix: Matrix, labels: Floats, weights: Floats, size: int, recipe: Recipe) -> tuple[Floats, float]:
    """Weights and bias that minimise the weighted log loss plus penalty.

    Args:
        labels: 0 or 1 for each row of the matrix.
        weights: how much each row counts.
        size: how many columns there are.
    """
    signs = 2.0 * labels - 1.0
    lengths = np.diff(np.append(matrix.starts, len(matrix.columns)))

    def loss_and_gradient(parameters: Floats) -> tuple[float, Floats]:
        sums = np.add.reduceat(parameters[matrix.columns], matrix.starts)
        margins = signs * (sums * matrix.factors + parameters[size])
        loss = float(weights @ np.logaddexp(0.0, -margins))
        slopes = -weights * signs * np.exp(-np.logaddexp(0.0, margins))
        gradient = np.empty(size + 1)
        gradient[:size] = np.bincount(matrix.columns, np.repeat(slopes * matrix.factors, lengths), size)
        gradient[:size] += recipe.penalty * parameters[:size]
        gradient[size] = slopes.sum()
        return loss + 0.5 * recipe.penalty * float(parameters[:size] @ parameters[:size]), gradient

    parameters = minimise(loss_and_gradient, np.zeros(size + 1), recipe.rounds)
    return parameters[:size], float(parameters[size])


def minimise(function: Callable[[Floats], tuple[float, Floats]], start: Floats, rounds: int) -> Floats:
    """L-BFGS with halving of the step: where a smooth convex function is (nearly) least after ``rounds`` steps."""
    here = start
    value, gradient = function(here)
    history: deque[tuple[Floats, Floats, float]] = deque(maxlen=_HISTORY)
    for number in range(rounds):
        direction = _direction(gradient, history)
        slope = float(gradient @ direction)
        step = 1.0 if number else min(1.0, 1.0 / float(np.abs(gradient).sum()))
        for _ in range(20):
            there = here + step * direction
            value_there, gradient_there = function(there)
            if value_there <= value + 1e-4 * step * slope:
                break
            step /= 2
        else:
            return here
        moved, turned = there - here, gradient_there - gradient
        if (curvature := float(moved @ turned)) > 1e-18:
            history.append((moved, turned, curvature))
        here, value, gradient = there, value_there, gradient_there
    return here


def _direction(gradient: Floats, history: Iterable[tuple[Floats, Floats, float]]) -> Floats:
    known = list(history)
    direction = -gradient
    shares: list[float] = []
    for moved, turned, curvature in reversed(known):
        shares.append(float(moved @ direction) / curvature)
        direction = direction - shares[-1] * turned
    if known:
        _, turned, curvature = known[-1]
        direction = direction * (curvature / float(turned @ turned))
    for (moved, turned, curvature), share in zip(known, reversed(shares), strict=True):
        direction = direction + (share - float(turned @ direction) / curvature) * moved
    return direction


def quantised(weights: Floats, bias: float, shape: NgramShape) -> NgramModel:
    """The model with weights as integers from -127 to 127; the few larger ones (1 in 5,000) are cut."""
    largest = float(np.quantile(np.abs(weights[weights != 0.0]), 0.9998)) if weights.any() else 1.0
    scale = float(np.float32(largest / _WEIGHT_MAX))
    integers = np.clip(np.rint(weights / scale), -_WEIGHT_MAX, _WEIGHT_MAX).astype(np.int8)
    return NgramModel(shape, integers.tobytes(), scale, float(np.float32(bias)))


def train(examples: Sequence[Example], recipe: Recipe) -> NgramModel:
    """A model of these examples; the same bytes every time."""
    matrix = matrix_of([example.text for example in examples], recipe)
    labels = np.array([example.label for example in examples], np.float64)[matrix.owners]
    weights = row_weights(examples, matrix.owners, recipe)
    fitted, bias = fit(matrix, labels, weights, 1 << recipe.shape.bits, recipe)
    return quantised(fitted, bias, recipe.shape)


def scorer(model: NgramModel, reading: Callable[[str], bytes] = plain_reading) -> Scorer:
    """Text to log odds."""
    return lambda text: model.log_odds(reading(text))


def leave_one_source_out(
    examples: Sequence[Example],
    trainer: Callable[[Sequence[Example]], Scorer],
    never_judged: frozenset[str] = frozenset(),
) -> list[float]:
    """The score of each example by a scorer that never saw its source, nor a text that is (nearly) one of it.

    Sources in ``never_judged`` are always trained on; their own scores are NaN.
    """
    scores = [math.nan] * len(examples)
    for numbers, rest in folds(examples, never_judged):
        score = trainer(rest)
        for number in numbers:
            scores[number] = score(examples[number].text)
    return scores


def folds(
    examples: Sequence[Example], never_judged: frozenset[str] = frozenset()
) -> Iterator[tuple[list[int], list[Example]]]:
    """For each source to be judged: the numbers of its examples, and what may be trained on."""
    keys = [near_duplicate_keys(example.text) for example in examples]
    for left_out in sorted({example.source for example in examples} - never_judged):
        numbers = [number for number, example in enumerate(examples) if example.source == left_out]
        seen = {key for number in numbers for key in keys[number]}
        rest = [
            example
            for example, own in zip(examples, keys, strict=True)
            if example.source != left_out and (example.source in never_judged or len(seen & own) * 2 < len(own))
        ]
        yield numbers, rest


@cache
def near_duplicate_keys(text: str) -> frozenset[int]:
    """Hashes of some runs of eight words; texts that share half of them are the same text, edited."""
    words = plain(text).split()
    runs = {hash_of(" ".join(words[place : place + 8])) for place in range(max(1, len(words) - 7))}
    return frozenset(sorted(runs)[:64])


def hash_of(text: str) -> int:
    """A hash that is the same in every process (``hash`` of a string is not)."""
    value = 0xCBF29CE484222325
    for byte in text.encode("utf-8", "replace"):
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def recall_at(scores: Sequence[float], labels: Sequence[int], false_positive_rate: float) -> tuple[float, float]:
    """The share of positives above the lowest threshold that lets no more negatives pass it, and the threshold."""
    negatives = sorted((score for score, label in zip(scores, labels, strict=True) if not label), reverse=True)
    positives = [score for score, label in zip(scores, labels, strict=True) if label]
    threshold = negatives[min(int(false_positive_rate * len(negatives)), len(negatives) - 1)]
    return sum(score > threshold for score in positives) / max(1, len(positives)), threshold
