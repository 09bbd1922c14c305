"""Intervals of ratios, the comparison with another commit, and the budget of each step."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from tests.bench import steps
from tests.bench.against import (
    CommitUnusable,
    checked_out,
    differences,
    measured_in,
    needs_no_places,
    of_subjects,
    print_differences,
)
from tests.bench.detectors import measure_detectors
from tests.bench.exchanges import InProcess, Script, scripts
from tests.bench.figures import Figures
from tests.bench.idle_streams import measure_idle_streams
from tests.bench.intervals import interval_of, of_each_round
from tests.bench.loads import Sample
from tests.bench.subjects import COMMIT_FULL, Places, ours_full


def sample(cpu_us: float) -> Sample:
    """A measurement of which CPU matters."""
    return Sample(100, 0, "", cpu_us, 50.0, 4.0, 1_000.0, 1.0, 2.0, 1.0)


def measure_three(_places: Places | None = None) -> Figures:
    """A measurement that costs nothing."""
    return {"three_us": 3.0}


def test_an_interval_is_that_of_students_t() -> None:
    """Of 1, 2, 4 the mean of the logarithms is 2, and its interval by the tables 2 / e^1.72 to 2 * e^1.72."""
    found = interval_of([1.0, 2.0, 4.0])
    assert found is not None
    assert found == pytest.approx((2.0, 0.3575, 11.189), rel=1e-3)
    assert not found.excludes_one


def test_differences_that_are_below_zero_have_an_interval_too() -> None:
    """An added latency may be less than nothing."""
    found = interval_of([-1.0, 0.0, 1.0])
    assert found == pytest.approx((0.0, -2.484, 2.484), rel=1e-3)
    assert interval_of([1.0]) is None


def test_rounds_are_told_apart() -> None:
    """A subject that broke has fewer."""
    rounds = of_each_round({("a", "json_1k", 8): [sample(1), sample(2)], ("b", "json_1k", 8): [sample(3)]})
    assert [each["cpu_us.a.json_1k.c8"] for each in rounds] == [1, 2]
    assert ["cpu_us.b.json_1k.c8" in each for each in rounds] == [True, False]


def test_a_difference_is_real_only_beyond_its_interval() -> None:
    """The same 10 % on average, with and without noise."""
    before: list[Figures] = [{"steady_us": 100.0, "noisy_us": 100.0} for _ in range(4)]
    after = [
        {"steady_us": steady, "noisy_us": noisy} for steady, noisy in ((109, 50), (110, 170), (111, 60), (110, 160))
    ]
    found = {one.name: one for one in differences(before, after)}
    assert found["steady_us"].is_real
    assert not found["noisy_us"].is_real
    console = Console(width=120, record=True)
    print_differences(console, "abc", list(found.values()))
    assert "slower" in console.export_text()


def test_a_commit_is_compared_with_its_counterpart() -> None:
    """Round by round, at the same load; what only one of them has taken is left out."""
    samples = {
        (COMMIT_FULL, "json_1k", 8): [sample(100), sample(100)],
        (ours_full("fast"), "json_1k", 8): [sample(50), sample(51)],
        (COMMIT_FULL, "stream_100", 8): [sample(900)],
    }
    found = {one.name: one for one in of_subjects(samples)}
    assert found["cpu_us.ours_fast_full.json_1k.c8"].times.mean == pytest.approx(0.505, rel=1e-3)
    assert not [name for name in found if "stream_100" in name]


def test_a_measurement_runs_in_a_process_of_its_own() -> None:
    """From the sources that it is told of."""
    root = Path(__file__).parents[2]
    assert measured_in(root, measure_three) == {"three_us": 3.0}
    assert needs_no_places(measure_detectors)
    assert not needs_no_places(measure_idle_streams)


def test_what_is_no_commit_is_said(tmp_path: Path) -> None:
    """And nothing is left behind."""
    with pytest.raises(CommitUnusable, match="git worktree add"), checked_out("no-such-commit", tmp_path):
        pass
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("script", scripts(), ids=lambda script: script.name)
@pytest.mark.parametrize("guarded", [False, True])
def test_an_exchange_of_the_benchmark_ends_well(script: Script, *, guarded: bool) -> None:
    """It is completed, with tokens: else its cost would be that of an error."""
    processor = InProcess(guarded=guarded)
    records = []
    processor.sinks.append(type("Kept", (), {"exchange_ended": lambda _, record: records.append(record)})())
    processor.run(script)
    (record,) = records
    assert record.outcome == "completed"
    assert record.usage is not None
    assert record.usage.completion > 0
    assert bool(record.coverage) is guarded


def test_every_step_and_every_part_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part whose function has another name now would be left out."""
    monkeypatch.setattr(steps, "ROUNDS", 4)
    found = steps.measure_steps()
    for part in (*steps._PARTS, "rest of RequestHeaders", "sink Metrics"):
        assert any(name.endswith(f"_{part}") for name in found if name.startswith(steps.PART)), part
    console = Console(width=200, record=True)
    steps.print_steps(console, found)
    assert "filter injection" in console.export_text()
