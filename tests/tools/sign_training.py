"""Trains a model of n-grams and signs together, so that neither learns what the other already knows.

The same loss, solver and weighting as ``ngram_training``; signs count as features that are there or not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from extproc.detectors.text.ngram_model import NgramModel
from tests.tools.ngram_training import Example, Floats, Matrix, Recipe, matrix_of, minimise, quantised, row_weights

SIGN_VALUE: Final = 0.3
"""What a sign counts where it is there: the larger, the cheaper its weight is next to those of n-grams."""
_DIGITS: Final = 3

FeaturesOf = Callable[[str], Sequence[str]]


class Trained(NamedTuple):
    """A model: of n-grams, with the bias, and the weights of signs by name."""

    ngrams: NgramModel
    signs: dict[str, float]


class Prepared(NamedTuple):
    """Examples, and what is computed once for all models of some of them.

    Attributes:
        matrix: n-grams of each window.
        signs: places of the signs of each example, in ``names``.
    """

    examples: Sequence[Example]
    matrix: Matrix
    signs: Sequence[npt.NDArray[np.int64]]
    names: tuple[str, ...]


def prepared(examples: Sequence[Example], recipe: Recipe, features_of: FeaturesOf) -> Prepared:
    """N-grams and signs of all examples."""
    places: dict[str, int] = {}
    signs = [
        np.array([places.setdefault(name, len(places)) for name in features_of(example.text)], np.int64)
        for example in examples
    ]
    return Prepared(examples, matrix_of([example.text for example in examples], recipe), signs, tuple(places))


def trained(all_of: Prepared, chosen: npt.NDArray[np.bool_], recipe: Recipe, importance: Floats) -> Trained:
    """A model of the chosen examples; the same every time.

    Args:
        importance: a factor of the weight of each example.
    """
    matrix, numbers = _rows_of(all_of.matrix, chosen)
    examples = [all_of.examples[number] for number in numbers]
    labels = np.array([example.label for example in examples], np.float64)[matrix.owners]
    weights = row_weights(examples, matrix.owners, recipe) * importance[chosen][matrix.owners]
    signs = [all_of.signs[numbers[owner]] for owner in matrix.owners]
    size = 1 << recipe.shape.bits
    parameters = _fit(matrix, signs, len(all_of.names), labels, weights / weights.sum(), size, recipe)
    model = quantised(parameters[:size], float(parameters[-1]), recipe.shape)
    of_signs = zip(all_of.names, (parameters[size:-1] * SIGN_VALUE).tolist(), strict=True)
    return Trained(model, {name: round(weight, _DIGITS) for name, weight in sorted(of_signs) if abs(weight) > 1e-3})


def _rows_of(matrix: Matrix, chosen: npt.NDArray[np.bool_]) -> tuple[Matrix, list[int]]:
    """The rows of the chosen examples, which are numbered anew, and their former numbers."""
    rows = np.flatnonzero(chosen[matrix.owners])
    lengths = np.diff(np.append(matrix.starts, len(matrix.columns)))[rows]
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
    places = np.repeat(matrix.starts[rows] - starts, lengths) + np.arange(lengths.sum())
    owners = (np.cumsum(chosen) - 1)[matrix.owners[rows]]
    return Matrix(matrix.columns[places], starts, matrix.factors[rows], owners), np.flatnonzero(chosen).tolist()


def _fit(
    matrix: Matrix,
    signs: Sequence[npt.NDArray[np.int64]],
    sign_count: int,
    labels: Floats,
    weights: Floats,
    size: int,
    recipe: Recipe,
) -> Floats:
    """Parameters that minimise the weighted log loss plus penalty: of n-grams, of signs, and the bias."""
    marks = 2.0 * labels - 1.0
    lengths = np.diff(np.append(matrix.starts, len(matrix.columns)))
    sign_rows = np.repeat(np.arange(len(signs)), [len(row) for row in signs])
    sign_columns = np.concatenate(signs)

    def loss_and_gradient(parameters: Floats) -> tuple[float, Floats]:
        ngrams, of_signs = parameters[:size], parameters[size:-1]
        sums = np.add.reduceat(ngrams[matrix.columns], matrix.starts) * matrix.factors
        sums += SIGN_VALUE * np.bincount(sign_rows, of_signs[sign_columns], len(signs))
        margins = marks * (sums + parameters[-1])
        slopes = -weights * marks * np.exp(-np.logaddexp(0.0, margins))
        gradient = np.empty_like(parameters)
        gradient[:size] = np.bincount(matrix.columns, np.repeat(slopes * matrix.factors, lengths), size)
        gradient[size:-1] = SIGN_VALUE * np.bincount(sign_columns, slopes[sign_rows], sign_count)
        gradient[:-1] += recipe.penalty * parameters[:-1]
        gradient[-1] = slopes.sum()
        loss = float(weights @ np.logaddexp(0.0, -margins))
        return loss + 0.5 * recipe.penalty * float(parameters[:-1] @ parameters[:-1]), gradient

    return minimise(loss_and_gradient, np.zeros(size + sign_count + 1), recipe.rounds)
