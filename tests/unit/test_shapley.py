"""The laws of the reference that charges are compared with."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.statistics.arrays import Floats
from tests.tools.engine_simulator.engine import EngineSettings, simulated
from tests.tools.engine_simulator.runs import EngineRequest, EngineSteps
from tests.tools.engine_simulator.shapley import exact_values, game_values, sampled_values, step_values
from tests.tools.engine_simulator.step_laws import Affine, HardMaximum, MixtureOfExperts, Roofline, StepLaw, StepWork

LAWS: list[StepLaw] = [Affine(), Roofline(), HardMaximum(), MixtureOfExperts()]
laws = pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)


@st.composite
def works(draw: st.DrawFn, players_max: int = 6) -> StepWork:
    """Of a step: some prefill, some decode."""
    rows = draw(st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 8_000)), min_size=1, max_size=players_max))
    prefill = np.array([[float(tokens) for tokens, _ in rows]])
    before = np.array([[float(context) for _, context in rows]])
    return StepWork(prefill, (prefill == 0).astype(np.float64), before, prefill * (before + prefill / 2))


def by_definition(work: StepWork, law: StepLaw) -> list[float]:
    """The mean over all orders of what each adds."""
    players = work.prefill.shape[1]
    values = np.zeros(players)
    for order in itertools.permutations(range(players)):
        worth = 0.0
        for place in range(players):
            inside = list(order[: place + 1])
            now = float(law(StepWork(*(np.array(column[0, inside].sum()) for column in work))))
            values[order[place]] += now - worth
            worth = now
    return [float(value) / math.factorial(players) for value in values]


@laws
@given(works(players_max=5))
def test_exact_values_are_means_over_all_orders(law: StepLaw, work: StepWork) -> None:
    """That is what the Shapley value is."""
    assert exact_values(work, law)[0].tolist() == pytest.approx(by_definition(work, law), rel=1e-9, abs=1e-6)


@laws
@given(works())
def test_values_of_a_step_sum_to_its_time(law: StepLaw, work: StepWork) -> None:
    """Exact ones and sampled ones."""
    time = float(law(StepWork(*(column.sum(axis=1) for column in work)))[0])
    for values in (exact_values(work, law), sampled_values(work, law, 4, np.random.default_rng(1))):
        assert values.sum() == pytest.approx(time)


@laws
@given(works())
def test_twins_have_the_same(law: StepLaw, work: StepWork) -> None:
    """Whoever stands first."""
    twice = StepWork(*(np.concatenate((column, column), axis=1) for column in work))
    values = exact_values(twice, law)[0]
    half = len(values) // 2
    assert values[:half] == pytest.approx(values[half:], rel=1e-9, abs=1e-6)


def test_who_adds_nothing_has_nothing() -> None:
    """A game whose third player changes no worth."""
    values = game_values(3, lambda members: float(sum(3.0 + one for one in members if one < 2)))
    assert values == pytest.approx([3.0, 4.0, 0.0])


@laws
@given(works(players_max=6))
def test_sampled_values_come_near_to_exact_ones(law: StepLaw, work: StepWork) -> None:
    """With many orders; with 32, errors of many steps average out."""
    exact = exact_values(work, law)[0]
    sampled = sampled_values(work, law, 4_000, np.random.default_rng(1))[0]
    assert np.abs(sampled - exact).max() <= 0.05 * exact.sum()


def test_an_affine_law_has_a_closed_form() -> None:
    """Each pays for its own work, and alike for the step: the same as over all subsets."""
    run = simulated(some_requests(9), Affine(), EngineSettings())
    assert np.diff(run.steps.members).max() > 4
    closed = values_of(run.steps, Affine())
    assert closed.sum() == pytest.approx(run.busy_us)
    assert closed == pytest.approx(values_of(run.steps, SlowAffine()), rel=1e-9)


@laws
def test_a_run_is_charged_in_full(law: StepLaw) -> None:
    """Steps of all sizes, alone, exact and sampled, come to the time of the engine."""
    run = simulated(some_requests(30), law, EngineSettings())
    sizes = np.diff(run.steps.members)
    assert sizes.min() == 1 < 10 < sizes.max()
    exact, sampled = (values_of(run.steps, law, players) for players in (10, 2))
    assert exact.sum() == pytest.approx(run.busy_us)
    assert np.abs(exact - sampled).sum() < 0.01 * run.busy_us


def some_requests(count: int) -> list[EngineRequest]:
    """That overlap, but for the last."""
    found = [
        EngineRequest(20_000 * one, f"team-{one % 3}", 100 + 331 * one % 2_000, 10 + 17 * one % 90)
        for one in range(count)
    ]
    return [*found, EngineRequest(60_000_000, "last", 50, 5)]


def values_of(steps: EngineSteps, law: StepLaw, exact_players: int = 10) -> Floats:
    """Of each request."""
    requests = int(np.max(steps.request)) + 1
    return step_values(steps, law, requests, np.random.default_rng(1), exact_players=exact_players)


class SlowAffine:
    """An affine law that nobody knows to be one."""

    def __call__(self, work: StepWork, /) -> Floats:
        """As ``Affine``."""
        return Affine()(work)
