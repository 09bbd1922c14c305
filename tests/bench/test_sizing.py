"""The sizing model beside the measurements that it is made from, and those that it is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.sizing.coefficients import Coefficients
from extproc.sizing.workload import GuardLevel
from tests.bench import sizing
from tests.bench.loads import SIZING_FITTED, sizing_loads
from tests.bench.sizing import COEFFICIENTS, LEVELS, REPORT, TIMES_MAX, compared
from tests.bench.sizing_fit import coefficients_of, least_squares, load_sizes
from tests.thorough import examples


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """The committed measurements."""
    return json.loads(REPORT.read_text())  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def kept() -> Coefficients:
    """The committed coefficients."""
    return Coefficients.of(json.loads(COEFFICIENTS.read_text()))


def test_the_coefficients_are_those_of_the_report(report: dict[str, Any]) -> None:
    """None is written by hand, and a limit of the code that has changed is noticed."""
    assert json.loads(COEFFICIENTS.read_text()) == coefficients_of(report), "make size-check ARGS=--record"


def test_the_report_is_of_the_loads_of_today(report: dict[str, Any]) -> None:
    """And of every subject that ``--guards`` names."""
    assert list(report["loads"]) == [load.name for load in sizing_loads()]
    assert set(LEVELS.values()) >= set(GuardLevel)
    assert set(report["cpu_us"]) == {*LEVELS.values(), "envoy", "envoy_alone"}


def test_predictions_are_near_what_was_measured(report: dict[str, Any], kept: Coefficients) -> None:
    """Also at loads that the coefficients were not fitted to: shorter and longer streams, larger messages."""
    rows = compared(report, kept)
    assert {one.load for one in rows} > set(SIZING_FITTED)
    assert [one for one in rows if not 1 / TIMES_MAX <= one.times <= TIMES_MAX] == []
    fitted = [one.times for one in rows if one.load in SIZING_FITTED]
    assert max(abs(times - 1) for times in fitted) < 0.1


def test_guards_add_up(report: dict[str, Any], kept: Coefficients) -> None:
    """A configuration's guards are added to the light ones: so those of ``standard`` give what was measured of it."""
    for load, measured_us in report["cpu_us"]["standard"].items():
        sizes = load_sizes(report, load)
        injection_us = kept["guard.injection.request_us"] + kept["guard.injection.kb_us"] * sizes["prompt_kb"]
        predicted_us = kept.cost("light").of(**sizes) + injection_us
        assert 1 / TIMES_MAX < predicted_us / measured_us < TIMES_MAX, load


@settings(max_examples=examples(50))
@given(st.lists(st.floats(0, 1_000), min_size=3, max_size=3))
def test_a_fit_finds_what_made_the_measurements(true: list[float]) -> None:
    """Of measurements without noise."""
    rows = np.array([[1.0, 0.0, 1.0], [1.0, 5.0, 2.0], [1.0, 1.0, 9.0], [1.0, 7.0, 3.0]])
    values = rows @ np.array(true)
    if values.min() > 1:
        assert least_squares(rows, values) == pytest.approx(true, rel=1e-3, abs=1e-2)


def test_no_coefficient_is_below_zero() -> None:
    """Though a line through these would begin below it."""
    rows = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 4.0]])
    constant, slope = least_squares(rows, np.array([1.0, 4.0, 10.0]))
    assert constant == 0
    assert slope > 0


@pytest.mark.parametrize(("factor", "code"), [(1.0, 0), (1.4, 0), (3.0, 1), (0.3, 1)])
def test_a_machine_that_differs_is_told(
    factor: float,
    code: int,
    report: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each load is listed, and far off is an exit code of its own; nothing is kept without ``--record``."""
    times = {"json_1k": factor}
    cpu_us = {
        subject: {load: us * times.get(load, 1.0) for load, us in loads.items()}
        for subject, loads in report["cpu_us"].items()
    }
    monkeypatch.setattr(sizing, "measure", lambda *_: report | {"cpu_us": cpu_us})
    monkeypatch.setattr("sys.argv", ["sizing"])
    before = REPORT.read_bytes(), COEFFICIENTS.read_bytes()
    assert sizing.main() == code
    assert (REPORT.read_bytes(), COEFFICIENTS.read_bytes()) == before
    printed = capsys.readouterr().out
    assert all(load.name in printed for load in sizing_loads())
    assert ("off by more than 1.5 times" in printed) is (code == 1)


def test_what_a_benchmark_wrote_can_be_compared(
    report: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The loads that both have, of the subjects that the model knows."""
    cpu_us = report["cpu_us"]
    figures = {
        "cpu_us.ours_fast_full.json_1k.c8": cpu_us["standard_remembered"]["json_1k"],
        "cpu_us.ours_fast_full.json_1k.c8.min": 1.0,
        "cpu_us.ours_fast_metered.stream_100.c8": cpu_us["none"]["stream_100"],
        "envoy_cpu_us.envoy_alone.stream_2000.c8": cpu_us["envoy_alone"]["stream_2000"],
        "noop_vs_go": 0.5,
    }
    file = tmp_path / "bench.json"
    file.write_text(json.dumps(figures))
    monkeypatch.setattr("sys.argv", ["sizing", "--bench", str(file)])
    assert sizing.main() == 0
    assert sizing.bench_report(figures)["cpu_us"] == {
        "none": {"stream_100": cpu_us["none"]["stream_100"]},
        "standard_remembered": {"json_1k": cpu_us["standard_remembered"]["json_1k"]},
        "envoy_alone": {"stream_2000": cpu_us["envoy_alone"]["stream_2000"]},
    }
    file.write_text(json.dumps(figures | {"cpu_us.ours_fast_full.json_1k.c8": 10_000.0}))
    assert sizing.main() == 1
    assert "1 predictions are off" in capsys.readouterr().out


def test_a_report_and_its_coefficients_are_kept_together(
    report: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By ``--record``."""
    monkeypatch.setattr(sizing, "measure", lambda *_: report)
    monkeypatch.setattr(sizing, "REPORT", tmp_path / "report.json")
    monkeypatch.setattr(sizing, "COEFFICIENTS", tmp_path / "coefficients.json")
    monkeypatch.setattr("sys.argv", ["sizing", "--record"])
    assert sizing.main() == 0
    assert json.loads((tmp_path / "report.json").read_text()) == report
    assert json.loads((tmp_path / "coefficients.json").read_text()) == coefficients_of(report)
