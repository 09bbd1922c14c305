"""Sample ratio mismatch: savvi's figure, and what it promises, by enumeration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.statistics.ratio_mismatch import log_mismatch
from tests.unit.statistics.samples import row

counts = st.integers(0, 10**9)


def test_the_figure_of_savvi() -> None:
    """savvi 0.3.1, Multinomial: 9,400 and 600 units for 95 and 5 %, k = 100."""
    assert math.exp(log_mismatch(row(600), row(9_400), row(0.05))) == pytest.approx(1667.5067, abs=1e-3)


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5])
def test_the_mean_is_one_where_the_share_is_kept(share: float) -> None:
    """Over all labels of 50 units."""
    mean = sum(
        math.comb(50, canary)
        * share**canary
        * (1 - share) ** (50 - canary)
        * math.exp(log_mismatch(row(canary), row(50 - canary), row(share)))
        for canary in range(51)
    )
    assert mean == pytest.approx(1)


def test_steps_multiply() -> None:
    """Each with the share that was in force."""
    both = log_mismatch(row(70, 500), row(930, 500), row(0.05, 0.5))
    apart = [log_mismatch(row(70), row(930), row(0.05)), log_mismatch(row(500), row(500), row(0.5))]
    assert both == pytest.approx(sum(apart))


def test_units_that_are_too_few_or_too_many_are_found() -> None:
    """Of 20,000 units at 5 %, 1,000 are expected."""
    evidence = log_mismatch(row(800, 1_000, 1_200)[:, None], row(19_200, 19_000, 18_800)[:, None], row(0.05))
    assert [bool(one > math.log(1_000)) for one in evidence] == [True, False, True]


@given(st.lists(st.tuples(counts, counts, st.sampled_from([0.0, 0.05, 0.5, 1.0])), min_size=1, max_size=4))
def test_it_is_finite(steps: list[tuple[int, int, float]]) -> None:
    """On any counts, and where one arm has no share."""
    assert np.isfinite(log_mismatch(*(row(*part) for part in zip(*steps, strict=True))))
