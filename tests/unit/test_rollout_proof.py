"""`make rollout-proof` runs, tells what is missed, and what teams use today acts as it is documented."""

from __future__ import annotations

import json
import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from extproc.reports.plots import SERIES_MAX
from extproc.statistics.cluster_sums import ClusterSums
from extproc.statistics.gate_evidence import FirstEvents, GateSums
from extproc.statistics.references import SignalKind
from extproc.statistics.sums import SumArrays
from tests.tools.rollout_baselines import INTERVAL, Baselines
from tests.tools.rollout_proof import LEAST, PLOTTED, SCENES, ProofFigure, Scene, as_json, figures_of, main, row
from tests.tools.rollout_worlds import Sizes

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
    figure = ProofFigure("some", "", found, 10, target, bound)
    assert row(figure).endswith(verdict)
    assert as_json([figure], 1, quick=True)["missed"] == (["some"] if verdict == "MISSED" else [])


def test_a_harm_that_is_never_found_is_null() -> None:
    """JSON has no infinity."""
    figure = ProofFigure("some", "", 0.5, 2, delays=np.array([10.0, math.inf]))
    assert figure.as_json() == {"some": 0.5, "some_exchanges_median": None, "some_exchanges_p95": None}


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
