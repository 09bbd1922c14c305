"""`make rollout-proof` runs, tells what is missed, and what teams use today acts as it is documented."""

from __future__ import annotations

import json
import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from extproc.reports.plots import SERIES_MAX
from extproc.rollout.simulation.signals import SignalModel
from extproc.rollout.simulation.traffic import Exchanges, TrafficModel
from extproc.rollout.simulation.walks import Looks
from extproc.statistics.cluster_sums import ClusterSums
from extproc.statistics.gate_evidence import FirstEvents, GateSums
from extproc.statistics.references import SignalKind
from extproc.statistics.sums import SumArrays
from tests.tools.proof_figures import LEAST, as_json, row
from tests.tools.rollout_baselines import INTERVAL, Baselines
from tests.tools.rollout_cuped import adjusted
from tests.tools.rollout_figures import RolloutFigure, Scene
from tests.tools.rollout_proof import PLOTTED, SCENES, figures_of, main
from tests.tools.rollout_refusals import QUESTIONS, REFUSED, AnswersModel, StoredRollout, stored_rollout
from tests.tools.rollout_worlds import HEAVY_USERS, Sizes

TINY = Sizes(runs=8, found=8, walks=8, every=25)
BY_NAME = {one.name: one for one in SCENES}


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_each_figure_is_simulated(scene: Scene) -> None:
    """In a coarse and small way. A name is no other's, and JSON has it."""
    figures = list(figures_of(scene, TINY, seed=5))
    assert figures
    assert all(0 <= one.found <= 1 for one in figures)
    json.dumps([one.as_json() for one in figures], allow_nan=False)


def test_a_seed_gives_the_same_figures() -> None:
    """And another one others."""
    first, same, other = (
        [one.delays.tolist() for one in figures_of(BY_NAME["time-per-token"], TINY, seed) if one.delays is not None]
        for seed in (5, 5, 6)
    )
    assert first == same != other


def test_what_is_found_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table, JSON with flat names, and a picture."""
    page, picture = tmp_path / "proof.json", tmp_path / "proof.svg"
    code = main(["--quick", "--only", "errors", "--json", str(page), "--plot", str(picture)])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["figure", "target", "found", "runs"]
    found = json.loads(page.read_text())
    assert found["detection_rate_errors_20pc_05_compared"] > 0.9
    assert found["detection_rate_errors_20pc_05_compared_exchanges_median"] == pytest.approx(18, abs=6)
    assert found["targets"]["detection_rate_errors_20pc_50_declared"] == ">= 0.95"
    assert code == int(bool(found["missed"]))
    assert ElementTree.fromstring(picture.read_text()).tag == "{http://www.w3.org/2000/svg}svg"
    assert [name in picture.read_text() for name in PLOTTED] == [name.startswith("errors") for name in PLOTTED]
    assert len(PLOTTED) <= SERIES_MAX


@pytest.mark.parametrize(
    ("found", "target", "bound", "verdict"),
    [
        (0.94, 0.95, LEAST, "MISSED"),
        (0.95, 0.95, LEAST, "met"),
        (0.011, 0.01, "<=", "MISSED"),
        (0.5, None, "<=", "measured"),
    ],
)
def test_what_is_missed_is_said(found: float, target: float | None, bound: str, verdict: str) -> None:
    """By the bound of its target; and named in JSON."""
    figure = RolloutFigure("some", "", found, 10, target, bound)
    assert row(figure).endswith(verdict)
    assert as_json([figure], 1, quick=True)["missed"] == (["some"] if verdict == "MISSED" else [])


def test_a_harm_that_is_never_found_is_null() -> None:
    """JSON has no infinity."""
    figure = RolloutFigure("some", "", 0.5, 2, delays=np.array([10.0, math.inf]))
    assert figure.as_json() == {"some": 0.5, "some_exchanges_median": None, "some_exchanges_p95": None}


def answers_model(times: float) -> AnswersModel:
    """Of a guard that hears nine of ten refusals, and one of two hundred other answers."""
    refusals, others = np.arange(10) > 0, np.arange(200) == 0
    return AnswersModel(kind=SignalKind.RATE, refusals=refusals, others=others, times=times)


@pytest.mark.parametrize(("times", "is_worse"), [(1.0, False), (5.0, True)])
def test_real_answers_go_through_the_store(times: float, is_worse: bool) -> None:
    """Its sums decide as simulated ones at every look, and a version that refuses more is rolled back."""
    found = stored_rollout(answers_model(times), 0.5, Looks(200, 1_600), np.random.default_rng(7))
    assert found == StoredRollout(agrees=True, rolled_back=is_worse)


@pytest.mark.parametrize("times", [1.0, 2.0])
def test_real_answers_are_refused_as_often_as_declared(times: float) -> None:
    """As the guard hears it, in both arms; answers of one user are alike."""
    model, traffic = answers_model(times), TrafficModel(users=2_000)
    answers = model.drawn(traffic, 20, np.random.default_rng(7))
    unit = np.repeat(np.arange(40_000), 100).reshape(20, -1)
    step, rates = np.zeros(20, dtype=np.int64), []
    for is_canary in (False, True):
        values = answers.values(Exchanges(unit, unit % 256, np.full(unit.shape, is_canary), step), 0)
        rates.append(values.mean())
        of_users = values.reshape(-1, 100).mean(axis=1)
        alike = of_users.var() / (values.mean() * (1 - values.mean()))
        assert alike == pytest.approx(1 / QUESTIONS + 0.01, rel=0.1)
    heard = [0.9 * refused + 0.005 * (1 - refused) for refused in (REFUSED, REFUSED * times)]
    assert rates == pytest.approx(heard, rel=0.03)


def test_what_users_did_before_takes_variance_off() -> None:
    """Much where some ask a lot, and less where all ask something else than before."""
    signal = SignalModel(SignalKind.RATE, 0.02, correlation=0.05)
    same, other = (
        np.mean(adjusted(signal, HEAVY_USERS, changed, 40, np.random.default_rng(7))["rho_squared"])
        for changed in (0.0, 1.0)
    )
    assert same > 0.7 > 0.4 > other  # not 0: what is fitted to a few heavy users fits by chance too


def sums(canary: tuple[float, float], stable: tuple[float, float]) -> GateSums:
    """Answers and events of one run."""
    arms = [
        ClusterSums.of(SumArrays(*(np.full((1, 1, 8), one / 8) for one in (count, events, events))))
        for count, events in (canary, stable)
    ]
    labels = FirstEvents(np.full((1, 1), canary[1]), np.full((1, 1), stable[1]))
    return GateSums(SignalKind.RATE, np.array([0.5]), arms[0], arms[1], labels)


def acting(baselines: Baselines, canary: tuple[float, float], stable: tuple[float, float], exchanges: int) -> set[str]:
    """The rules that act at a look."""
    return {name for name, acts in baselines.rules(sums(canary, stable), exchanges).items() if acts.all()}


def test_thresholds_count_failed_checks_of_intervals() -> None:
    """Argo fails at the first, Flagger at the fifth; a look within an interval is none, and a pass resets nothing."""
    baselines, events = Baselines(0.03, horizon=99_999), 0.0
    seen: list[set[str]] = []
    for number, failed in enumerate([False, True, False, True, True, True, True], 1):
        events += 20.0 if failed else 10.0
        canary = (500.0 * number, events)
        at = number * INTERVAL
        assert acting(baselines, canary, canary, at - 1) == (seen[-1] if seen else set())
        seen.append(acting(baselines, canary, canary, at))
    assert seen == [set(), *[{"argo"}] * 5, {"argo", "flagger"}]


def test_a_fixed_horizon_looks_once_and_a_peeked_test_always() -> None:
    """40 of 1,000 against 20 are 2.6 standard errors."""
    baselines = Baselines(0.5, horizon=2_000)
    assert acting(baselines, (1_000, 40), (1_000, 20), 1_999) == {"peeked"}
    assert acting(baselines, (1_000, 40), (1_000, 20), 2_000) == {"peeked", "fixed"}
    assert acting(baselines, (1_000, 80), (1_000, 20), 2_000) == {"peeked", "fixed", "independent"}
