"""`make quality-sim` runs, tells what is missed, and simulates what `SignalDrift` computes."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from extproc.statistics.arrays import Floats
from extproc.statistics.drift import STRATA_MAX, ReferenceKind, SignalDrift
from extproc.statistics.e_detector import EDetector
from extproc.statistics.references import SignalKind, pinned_reference
from extproc.statistics.sums import BlockSums, SumArrays
from tests.tools.quality_figures import PINNED, RATE, SAME_HOURS, Sizes, false_alarms
from tests.tools.quality_sim import MEASURES, Figure, figure_of, main, row
from tests.tools.quality_worlds import Apart, Weeks

TINY = Sizes(runs=30, months=1, block_minutes=60, days=7)
BY_NAME = {one.name: one for one in MEASURES}


@pytest.mark.parametrize("name", BY_NAME)
def test_each_figure_is_simulated(name: str) -> None:
    """In a coarse and small way; what has a target of none raises none."""
    figure = figure_of(BY_NAME[name], TINY, seed=5)
    assert len(figure.values) > 0
    assert not np.isnan(figure.values).any()
    if figure.measure.mean == 0:
        assert figure.met


def test_a_seed_gives_the_same_figures() -> None:
    """And another one others."""
    first, same, other = (figure_of(BY_NAME["length"], TINY, seed).values.tolist() for seed in (5, 5, 6))
    assert first == same != other


def test_what_is_found_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table, JSON and a picture."""
    page, picture = tmp_path / "sim.json", tmp_path / "sim.svg"
    code = main(["--quick", "--only", "length", "--only", "mix-shift", "--json", str(page), "--plot", str(picture)])
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == ["figure", "length", "mix-shift"]
    figures = json.loads(page.read_text())["figures"]
    assert [one["name"] for one in figures] == ["length", "mix-shift"]
    assert figures[0]["found"]["median"] == pytest.approx(400, rel=0.3)
    assert code == int(not all(one["met"] for one in figures))
    assert ElementTree.fromstring(picture.read_text()).tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.parametrize(
    ("values", "met", "verdict"),
    [([400, 500, 800], True, "met"), ([400, 600, 700], False, "MISSED"), ([400, 500, math.inf], False, "MISSED")],
)
def test_what_is_missed_is_said(values: list[float], met: bool, verdict: str) -> None:
    """By median or 95 %; a drift that is never found is missed, and null in JSON."""
    figure = Figure(BY_NAME["length"], np.array(values))
    assert figure.met is met
    assert row(figure).endswith(verdict)
    json.dumps(figure.as_json(), allow_nan=False)


def test_a_measure_without_a_target_is_neither() -> None:
    """It shows what is not promised."""
    figure = Figure(replace(BY_NAME["length"], median=None, p95=None), np.array([1.0]))
    assert figure.met is None
    assert row(figure).endswith("measured")


def test_thresholds_are_calibrated(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """By kind of reference and of signal."""
    monkeypatch.setattr("tests.tools.quality_sim.QUICK", TINY)
    assert main(["--quick", "--calibrate"]) == 0
    assert capsys.readouterr().out.count("bound") == 4


def alarms(reference: ReferenceKind, world: Weeks) -> Floats:
    """By threshold, of the lowest first."""
    found: Floats = false_alarms(reference, world, TINY, np.array([3.0, 6.0, 12.0]))[0]
    return found


def test_a_rhythm_is_drift_for_a_pinned_week_alone() -> None:
    """So the simulation has one, and hours are worth comparing."""
    pinned, hourly = (
        alarms(reference, Weeks(RATE, 1, np.random.default_rng(3), apart=Apart(0.0)))
        for reference in (PINNED, SAME_HOURS)
    )
    assert pinned[-1] > 20
    assert hourly[-1] == 0


@pytest.mark.parametrize("kind", SignalKind)
def test_it_simulates_what_is_computed(kind: SignalKind) -> None:
    """The evidence of arrays is that of `SignalDrift`, block by block."""
    chance = np.random.default_rng(11)
    window = {name: BlockSums(50_000, 2_500 * number, 2_500 * number) for number, name in enumerate("abcd", 1)}
    reference = pinned_reference(kind, window)
    named, arrays = SignalDrift(kind, math.inf), EDetector(kind, (STRATA_MAX,))
    for step in range(50):
        events = {name: int(chance.binomial(40, 0.05 * number)) for number, name in enumerate("abcd", 1)}
        block = {name: BlockSums.of_events(40, count) for name, count in events.items()}
        filled = SumArrays.of([*block.values(), *[BlockSums()] * (STRATA_MAX - 4)])
        found = arrays.observe(filled, reference.of(list("abcd"), STRATA_MAX), step)
        assert named.observe(block, reference, step).log_evidence == float(found.log_evidence)
