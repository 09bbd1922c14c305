"""Least squares of what steps cost."""

from __future__ import annotations

import numpy as np
import pytest

from extproc.allocation.step_fit import fit_steps


def test_rows_of_the_same_time_count_once() -> None:
    """A hundred that saw the same steps say no more than one that was alone, where they contradict each other."""
    columns = np.concatenate((np.full((100, 1), 10.0), np.full((100, 1), 10.0)))
    times = np.concatenate((np.full(100, 100.0), np.full(100, 110.0)))
    of_each = np.concatenate((np.full(100, 100.0), np.ones(100)))
    assert fit_steps(columns, times).coefficients[0] == pytest.approx(10.5, abs=0.05)
    assert fit_steps(columns, times, of_each).coefficients[0] == pytest.approx(11.0, abs=0.02)
