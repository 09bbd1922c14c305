"""`make allocation-proof` runs, and what it says of errors and of targets is true."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from extproc.allocation.methods import DEFAULT_METHOD, METHODS
from extproc.allocation.running import running
from extproc.allocation.served import ServedExchanges
from extproc.allocation.step_costs import TYPICAL
from extproc.allocation.timeline import timeline_of
from extproc.reports.plots import SERIES_MAX
from tests.tools.allocation_counterfactual import STEP_GAME, counterfactual_games, overlapping
from tests.tools.allocation_figures import AllocationFigure, AllocationScene, error_figures
from tests.tools.allocation_paused import by_presence, presence
from tests.tools.allocation_proof import SCENES, main
from tests.tools.allocation_windows import calibrated_by_windows
from tests.tools.allocation_worlds import ChargeErrors, ProofSizes, ProofWorlds, charged
from tests.tools.engine_simulator.engine import simulated
from tests.tools.engine_simulator.proxy_view import ProxyView
from tests.tools.engine_simulator.step_laws import Affine, Roofline
from tests.tools.engine_simulator.traffic_mixes import BATCH, BATCH_AGAIN, MIXED

TINY = ProofSizes(draws=1, share=0.08, players=4, games=1)
SHORT = ProofWorlds(ProofSizes(draws=1, share=0.3, players=5, games=1), seed=5)


WORLDS = ProofWorlds(TINY, seed=5)


@functools.cache
def figures_of(scene: AllocationScene) -> list[AllocationFigure]:
    """In small and short worlds."""
    return list(scene.figures(WORLDS))


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_each_figure_is_simulated(scene: AllocationScene) -> None:
    """In a small way. JSON has it, and no other figure of its name."""
    figures = figures_of(scene)
    assert figures
    assert all(0 <= one.found < 50 for one in figures)
    assert len({one.name for one in figures}) == len(figures)
    json.dumps([one.as_json() for one in figures], allow_nan=False)


def test_names_are_of_one_scene() -> None:
    """All figures stand in one flat object."""
    names = [one.name for scene in SCENES for one in figures_of(scene)]
    assert len(set(names)) == len(names)


def test_a_seed_gives_the_same_figures() -> None:
    """And another one others."""
    mixed = next(scene for scene in SCENES if scene.name == "mixed")
    same, other = ([one.found for one in mixed.figures(ProofWorlds(TINY, seed))] for seed in (WORLDS.seed, 6))
    assert [one.found for one in figures_of(mixed)] == same != other


def test_what_is_found_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table, JSON with flat names, and a picture with each method."""
    page, picture = tmp_path / "proof.json", tmp_path / "proof.svg"
    code = main(["--quick", "--only", "bursty", "--json", str(page), "--plot", str(picture)])
    assert capsys.readouterr().out.splitlines()[0].split() == ["figure", "target", "found", "runs"]
    found = json.loads(page.read_text())
    assert found["team_error_mean_weighted_ps_v1_bursty"] < 0.03 < 0.3 < found["team_error_mean_tokens_1_2p5_bursty"]
    assert found["targets"]["ratio_to_prefill_decode_split_bursty"] == "<= 0.5"
    assert found["targets"]["worst_team_error_weighted_ps_v1_bursty"] == "<= 0.06"
    assert code == int(bool(found["missed"]))
    assert ElementTree.fromstring(picture.read_text()).tag == "{http://www.w3.org/2000/svg}svg"
    assert all(method in picture.read_text() for method in METHODS)
    assert len(METHODS) <= SERIES_MAX


def test_errors_are_of_teams_and_of_requests() -> None:
    """Two requests of one team that are charged wrongly by as much cancel for the team."""
    errors = ChargeErrors.of(np.array([110.0, 190.0, 80.0]), np.array([100.0, 200.0, 100.0]), ["one", "one", "two"])
    assert errors.teams.tolist() == pytest.approx([0.0, -0.2])
    assert errors.request == pytest.approx(40 / 400)
    mean, worst, requests = error_figures("some", "", [errors, errors], targets=True)
    assert [mean.found, worst.found, requests.found] == pytest.approx([0.1, 0.2, 0.1])
    assert [one.met for one in (mean, worst, requests)] == [False, False, False]


def test_charges_add_up_to_busy_time() -> None:
    """As the product sees it: from the first start to the last end, but for idle time."""
    case = SHORT.cases(MIXED)[0]
    ran = running(case.seen(), TYPICAL).served
    paid = charged(case.seen(), TYPICAL, DEFAULT_METHOD)
    assert paid.sum() == pytest.approx(case.truth.sum(), rel=0.02)
    assert paid.sum() <= np.max(ran.last_us) - np.min(ran.start_us)


def test_the_floor_of_an_affine_law_has_its_coefficients() -> None:
    """So what is left of the error is the rule's."""
    case = SHORT.cases(MIXED, "affine")[0]
    assert case.floor[:5] == pytest.approx(Affine().costs[:5], rel=1e-6)
    assert case.floor_errors().request < 0.02


def test_windows_find_coefficients_of_an_affine_law() -> None:
    """By steps that the server counted."""
    case = SHORT.other_traffic("affine")
    served = running(case.seen(ProxyView(lag_us=0.0)), TYPICAL).served
    costs = calibrated_by_windows(served, *case.scraped(60), TYPICAL.chunk_tokens)
    assert costs.step == pytest.approx(6_000, rel=0.03)
    assert costs.prefill_us(np.array([4_000]), np.array([0]))[0] == pytest.approx(118_400, rel=0.2)
    assert costs.kv_token == pytest.approx(0.049, rel=0.25)


def test_mixes_are_what_they_are_called() -> None:
    """In one of them much is computed again, and in the other at most a tenth of it."""
    runs = (simulated(mix.drawn(np.random.default_rng(5)), Roofline(), mix.settings) for mix in (BATCH, BATCH_AGAIN))
    few, many = (run.again_share for run in runs)
    assert 0 < few < 0.1 < 0.4 < many


def test_counting_steps_finds_who_was_out_of_the_engine() -> None:
    """An exchange that wrote half as much in the same time as its twins was out of it for half of the time."""
    start, first, last, prompt, cached = (np.full(3, value) for value in (0, 30_000, 45_000_000, 100, 0))
    written = np.array([6_001, 6_001, 3_001])
    served = ServedExchanges(start, first, last, prompt, cached, written, np.ones(3, np.int64), np.ones(3))
    scrapes = np.arange(0, 60_000_000, 15_000_000)
    found = presence(served, scrapes, scrapes * 6_000 / 44_970_000)
    assert found == pytest.approx([1.0, 1.0, 0.5], rel=0.01)
    assert by_presence(served, TYPICAL, found) == pytest.approx(np.array([1.0, 1.0, 0.5]) * 18e6, rel=0.03)


def test_who_is_there_all_the_time_pays_as_by_the_product() -> None:
    """The rule that was tried differs in nothing else."""
    case = SHORT.cases(MIXED)[0]
    served = running(case.seen(), TYPICAL).served
    timeline = timeline_of(served, np.array([served.start_us[0], np.max(served.last_us)]))
    shares = METHODS[DEFAULT_METHOD](timeline, TYPICAL)
    weights = np.bincount(shares.exchange, shares.weight, minlength=len(served))
    assert np.abs(by_presence(served, TYPICAL, np.ones(len(served))) - weights).sum() < 0.01 * weights.sum()


def test_games_are_of_requests_that_overlap() -> None:
    """Of as many teams as there are; and charges come near to the counterfactual."""
    chance = np.random.default_rng(3)
    requests = overlapping(MIXED.drawn(chance, share=0.2), 5, chance)
    assert len({one.team for one in requests}) == 5
    game = next(counterfactual_games(SHORT, MIXED, chance))
    assert set(game) == {*METHODS, STEP_GAME}
    ours, flat = (np.abs(game[name].teams).mean() for name in (DEFAULT_METHOD, "tokens_1_2p5"))
    assert ours < 0.2 < flat


def test_the_same_requests_come_under_each_law() -> None:
    """So laws are compared, not draws."""
    one, other = (WORLDS.cases(MIXED, law)[0].run.requests for law in ("roofline", "affine"))
    assert one == other
