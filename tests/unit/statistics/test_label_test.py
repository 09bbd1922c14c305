"""The label test: recorded figures, and that its mean is 1 at most where the canary is no worse, by enumeration."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.statistics.label_test import log_label_evidence
from tests.unit.statistics.samples import row

counts = st.integers(0, 10**6)
shares = st.sampled_from([0.05, 0.25, 0.5, 0.95, 1.0])


@pytest.mark.parametrize(
    ("share", "canary", "stable", "evidence"),
    [(0.05, 10, 40, 235.4), (0.05, 3, 0, 429.0), (0.05, 4, 0, 6629), (0.5, 60, 30, 64.61)],
)
def test_recorded_figures(share: float, canary: float, stable: float, evidence: float) -> None:
    """Computed apart."""
    assert math.exp(log_label_evidence(row(canary), row(stable), row(share))) == pytest.approx(evidence, rel=5e-4)


@pytest.mark.parametrize("share", [0.05, 0.5])
@pytest.mark.parametrize("ratio", [1.0, 1.1])
@pytest.mark.parametrize("true_ratio", [0.5, 1.0, 1.1])
def test_the_mean_evidence_is_one_at_most(share: float, ratio: float, true_ratio: float) -> None:
    """Of ten units, over all labels; it is 1 at the edge, so nothing is given away."""
    chance = share * true_ratio / (share * true_ratio + 1 - share)
    mean = 0.0
    for canary in range(11):
        probability = math.comb(10, canary) * chance**canary * (1 - chance) ** (10 - canary)
        mean += probability * math.exp(log_label_evidence(row(canary), row(10 - canary), row(share), ratio))
    if true_ratio < ratio:
        assert mean < 1
    elif true_ratio == ratio:
        assert mean == pytest.approx(1)
    else:
        assert mean > 1


def test_it_is_evidence_over_steps_that_depend_on_what_was_seen() -> None:
    """The share is raised after a label "stable": the mean over all sequences stays 1."""
    mean = 0.0
    for labels in product((0, 1), repeat=8):
        share, probability, canary, stable = 0.05, 1.0, [0, 0], [0, 0]
        for label in labels:
            probability *= share if label else 1 - share
            step = int(share > 0.05)
            canary[step] += label
            stable[step] += 1 - label
            share = share if label else 0.5
        mean += probability * math.exp(log_label_evidence(row(*canary), row(*stable), row(0.05, 0.5)))
    assert mean == pytest.approx(1)


def test_a_step_without_a_stable_version_tells_nothing() -> None:
    """At a share of 1 every event is the canary's."""
    alone = log_label_evidence(row(10), row(40), row(0.05))
    assert log_label_evidence(row(10, 500), row(40, 0), row(0.05, 1.0)) == pytest.approx(alone)


@given(st.lists(st.tuples(counts, counts, shares), min_size=1, max_size=4), counts)
def test_it_is_finite_and_grows_with_events_of_the_canary(steps: list[tuple[int, int, float]], more: int) -> None:
    """Moving the label of some units to the canary never lowers it; the order of steps does not matter."""
    canary, stable, share = (row(*part) for part in zip(*steps, strict=True))
    evidence = log_label_evidence(canary, stable, share)
    moved = np.minimum(more, stable)
    assert np.isfinite(evidence)
    assert log_label_evidence(canary + moved, stable - moved, share) >= evidence - 1e-9 * abs(evidence) - 1e-9
    assert log_label_evidence(canary[::-1], stable[::-1], share[::-1]) == pytest.approx(evidence)
