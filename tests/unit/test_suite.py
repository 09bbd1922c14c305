"""``make test``: no part keeps another from running, and the summary tells of each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.harness import wait_until
from tests.suite import OTHERS, THROUGH_ENVOY, Part, Result, run, summary
from tests.unit.cli.programs import is_gone

ROOT = Path(__file__).parents[2]
PASSES = "def test_one():\n    pass\n"
FAILS = "import pytest\n\ndef test_one():\n    assert not 1\n\ndef test_two():\n    pytest.skip('why')\n"
DIES = "import os\nos._exit(7)\n"


def part(folder: Path, name: str, text: str) -> Part:
    """A part with one file of tests."""
    file = folder / f"test_{name}.py"
    file.write_text(text)
    return Part(name, ("-c", "/dev/null", "-p", "no:cacheprovider", str(file)), {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})


def test_every_part_runs_whatever_another_finds(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Shown or not; the output of each is printed, and the summary is right."""
    shown = [part(tmp_path, "fails", FAILS), part(tmp_path, "dies", DIES), part(tmp_path, "passes", PASSES)]
    others = [[part(tmp_path, "other", PASSES), part(tmp_path, "worse", FAILS)], [part(tmp_path, "last", PASSES)]]
    results = run(shown, others, tmp_path)
    assert [(result.part.name, result.code) for result in results] == [
        ("fails", 1),
        ("dies", 7),
        ("passes", 0),
        ("other", 0),
        ("worse", 1),
        ("last", 0),
    ]
    assert results[0].counts == {"passed": 0, "failed": 1, "errors": 0, "skipped": 1}
    assert results[1].counts is None
    output = capfd.readouterr().out
    assert [line for line in output.splitlines() if line.startswith("---")] == [
        f"--- {name}" for name in ("fails", "dies", "passes", "other", "worse", "last")
    ]
    assert output.count("assert not 1") >= 2


SLOW = """\
import pytest
from extproc.demo.processor_process import ProcessorNotReadyError

@pytest.fixture
def stack():
    raise ProcessorNotReadyError("the processor was not ready after 200 s")

@pytest.mark.parametrize("number", range(9))
def test_one(stack, number):
    pass
"""


def test_a_machine_that_is_too_busy_is_told_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The tests through Envoy end after three starts that took too long, each after its wait."""
    slow = part(tmp_path, "slow", SLOW)
    (tmp_path / "conftest.py").write_text("from tests.e2e.conftest import pytest_runtest_makereport\n")
    (result,) = run([replace(slow, environ={**slow.environ, "PYTHONPATH": os.pathsep.join(sys.path)})], [], tmp_path)
    assert result.counts == {"passed": 0, "failed": 0, "errors": 3, "skipped": 0}
    assert "3 starts took too long" in capfd.readouterr().out


def test_the_summary_has_a_line_for_each_part() -> None:
    """With its verdict first."""
    results = [
        Result(Part("one", ()), 0, {"passed": 9, "failed": 0, "errors": 0, "skipped": 2}, 12.4),
        Result(Part("another", ()), 1, {"passed": 1, "failed": 1, "errors": 3, "skipped": 0}, 3.0),
        Result(Part("third", ()), -9, None),
    ]
    assert summary(results).splitlines() == [
        "--- summary",
        "  passed  one      9 passed, 2 skipped in 12 s",
        "  FAILED  another  1 passed, 1 failed, 3 errors in 3 s",
        "  FAILED  third    ended early, with code -9",
    ]


def test_the_parts_are_all_tests() -> None:
    """What a part ignores is another part; ``tests/extending`` runs in ``make check``."""
    parts = [*THROUGH_ENVOY, *(part for row in OTHERS for part in row)]
    arguments = [one for part in parts for one in part.arguments]
    ignored = {one.removeprefix("--ignore=") for one in arguments if one.startswith("--")}
    given = {one for one in arguments if not one.startswith("--")}
    assert ignored == given | {"tests/extending"}
    assert all((ROOT / one).exists() for one in given)
    assert "pytest -q tests/extending" in (ROOT / "Makefile").read_text()


WAITS = "import time\ndef test_one():\n    time.sleep(600)\n"
RUNS_ALL = """\
import signal, sys, pathlib
from tests.suite import Part, run
signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
options = ("-c", "/dev/null", "-p", "no:cacheprovider")
run([Part("shown", (*options, sys.argv[1]))], [[Part("other", (*options, sys.argv[1]))]], pathlib.Path(sys.argv[2]))
"""


def test_nothing_is_left_when_it_is_ended(tmp_path: Path) -> None:
    """SIGTERM ends the parts too, the one that is shown among them."""
    (tmp_path / "test_waits.py").write_text(WAITS)
    command = [sys.executable, "-c", RUNS_ALL, str(tmp_path / "test_waits.py"), str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        wait_until(lambda: len(children(running.pid)) == 2, "both parts run")
        parts = children(running.pid)
        running.terminate()
        assert running.wait(20) == 128 + signal.SIGTERM
    assert all(map(is_gone, parts))


def children(pid: int) -> list[int]:
    """The processes that a process has started, by any of its threads."""
    return [int(one) for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split()]
