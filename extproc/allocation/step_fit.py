"""Least squares with coefficients that are at least 0, and how far they can be trusted."""

from __future__ import annotations

from itertools import chain, combinations
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from extproc.statistics.arrays import Floats

TRIM_ROUNDS: Final = 3
TRIM_TIMES: Final = 3.0
"""Rows whose residual is so many times the median are left out: of them something is not known, as a preemption."""


class StepFit(NamedTuple):
    """Attributes:
    coefficients: of each column, at least 0.
    errors: standard errors of these, by the rows that were kept.
    residuals: of each row, relative to what was measured.
    kept: rows that count.
    condition: of the columns, each scaled to length 1; 1 is best, and above 100 they cannot be told apart.
    """

    coefficients: Floats
    errors: Floats
    residuals: Floats
    kept: npt.NDArray[np.bool_]
    condition: float


def fit_steps(columns: Floats, times: Floats, alike: Floats | float = 1.0) -> StepFit:
    """Fit times as sums of columns. Rows weigh by the inverse root of their time, whose noise grows with it.

    Args:
        columns: ``[rows, columns]``, at least 0. times: of each row, above 0.
        alike: rows that are of the same time as each; together they count once. Above 0.
    """
    weights = 1.0 / np.sqrt(times * alike)
    kept = np.ones(len(times), dtype=np.bool_)
    coefficients = np.zeros(columns.shape[1])
    for _ in range(TRIM_ROUNDS):
        coefficients = _at_least_nothing(columns[kept] * weights[kept, None], (times * weights)[kept])
        residuals = np.abs(times - columns @ coefficients) / times
        kept = residuals <= max(TRIM_TIMES * float(np.median(residuals[kept])), 1e-9)
    used = columns[kept] * weights[kept, None]
    residuals = (times - columns @ coefficients) / times
    return StepFit(coefficients, _errors(used, (residuals * times * weights)[kept]), residuals, kept, _condition(used))


def _at_least_nothing(columns: Floats, times: Floats) -> Floats:
    """The best of all subsets of columns whose coefficients are all above 0: of five columns there are 31."""
    count = columns.shape[1]
    best, found = float(times @ times), np.zeros(count)
    for chosen in chain.from_iterable(combinations(range(count), size) for size in range(1, count + 1)):
        part = columns[:, chosen]
        scale = np.maximum(np.linalg.norm(part, axis=0), 1e-300)
        solved = np.linalg.lstsq(part / scale, times, rcond=None)[0] / scale
        if (solved <= 0).any():
            continue
        left = times - part @ solved
        if float(left @ left) < best:
            best, found = float(left @ left), np.zeros(count)
            found[list(chosen)] = solved
    return found


def _errors(columns: Floats, residuals: Floats) -> Floats:
    rows, count = columns.shape
    variance = float(residuals @ residuals) / max(rows - count, 1)
    scale = np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
    spread = np.linalg.pinv((columns / scale).T @ (columns / scale))
    found: Floats = np.sqrt(np.maximum(np.diag(spread), 0.0) * variance) / scale
    return found


def _condition(columns: Floats) -> float:
    lengths = np.linalg.norm(columns, axis=0)
    if not len(columns) or (lengths == 0).any():
        return float("inf")
    return float(np.linalg.cond(columns / lengths))
