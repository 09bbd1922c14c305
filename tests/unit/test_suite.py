"""``make test``: no part keeps another from running, and the summary tells of each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.harness import wait_until
from tests.hangs import HANG_S
from tests.suite import PARTS, Part, Result, folder_of_tests, run, summary
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
    """The output of each is printed once and in one piece, and the results come in the order of the parts."""
    texts = {"fails": FAILS, "dies": DIES, "passes": PASSES, "worse": FAILS, "last": PASSES}
    results = run([part(tmp_path, name, text) for name, text in texts.items()], tmp_path, at_once=2)
    codes = {"fails": 1, "dies": 7, "passes": 0, "worse": 1, "last": 0}
    assert {result.part.name: result.code for result in results} == codes
    assert [result.part.name for result in results] == list(codes)
    assert results[0].counts == {"passed": 0, "failed": 1, "errors": 0, "skipped": 1}
    assert results[1].counts is None
    output = capfd.readouterr().out
    lines = output.splitlines()
    assert sorted(line for line in lines if line.startswith("---")) == sorted(f"--- {name}" for name in texts)
    assert sorted(line for line in lines if line.startswith("running")) == sorted(f"running: {name}" for name in texts)
    assert output.count("assert not 1") >= 2


COUNTS = """\
import pathlib
from tests.e2e.harness import wait_until

def test_one():
    here = pathlib.Path({folder!r})
    (here / "begun-{name}").touch()
    wait_until(lambda: len(list(here.glob("begun-*"))) >= {begun}, "others run too")
    (here / "ended-{name}").touch()
    running = len(list(here.glob("begun-*"))) - len(list(here.glob("ended-*")))
    assert running < {at_once}
"""


def test_so_many_run_at_once(tmp_path: Path) -> None:
    """No more, and no fewer while there are some left: whoever is free takes the next."""
    counting = []
    for number in range(4):
        text = COUNTS.format(folder=str(tmp_path), name=number, begun=min(4, number + 2), at_once=2)
        one = part(tmp_path, f"counts{number}", text)
        counting.append(replace(one, environ={**one.environ, "PYTHONPATH": os.pathsep.join(sys.path)}))
    assert [result.code for result in run(counting, tmp_path, at_once=2)] == [0] * 4


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
    (result,) = run([replace(slow, environ={**slow.environ, "PYTHONPATH": os.pathsep.join(sys.path)})], tmp_path)
    assert result.counts == {"passed": 0, "failed": 0, "errors": 3, "skipped": 0}
    assert "3 starts took too long" in capfd.readouterr().out


def test_memory_is_written_to_where_it_has_room(tmp_path: Path) -> None:
    """Else the tests write where they do by themselves."""
    assert folder_of_tests(tmp_path, 1) == tmp_path
    assert folder_of_tests(tmp_path, 1 << 60) is None
    assert folder_of_tests(tmp_path / "absent") is None


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
    """Each file of tests is in one part, whatever the others ignore; only tests of transports run in two."""
    run_in = {file: [one.name for one in PARTS if has(one, file)] for file in FILES}
    assert {file: names for file, names in run_in.items() if not names} == {}
    of_transports = {file for file, names in run_in.items() if len(names) > 1}
    assert of_transports == {file for file in FILES if file.startswith("tests/e2e/")}
    assert [one.arguments for one in PARTS if one.environ] == [("tests/e2e", "-m", "transport")]
    assert all((ROOT / one).exists() for part in PARTS for one in paths_of(part))


FILES = [str(file.relative_to(ROOT)) for file in sorted((ROOT / "tests").rglob("test_*.py"))]


def paths_of(part: Part) -> list[str]:
    """What pytest is given, and what it ignores."""
    return [one.removeprefix("--ignore=") for one in part.arguments if "tests" in one]


def has(part: Part, file: str) -> bool:
    """Whether a file is below what a part is given, and not below what it ignores."""
    ignored = [one for one in part.arguments if one.startswith("--ignore=")]
    given = [one for one in part.arguments if one not in ignored]
    return is_below(file, given) and not is_below(file, [one.removeprefix("--ignore=") for one in ignored])


def is_below(file: str, paths: Sequence[str]) -> bool:
    """Whether it is one of them, or in one of them."""
    return any(file == path or file.startswith(f"{path}/") for path in paths)


WAITS = "import time\ndef test_one():\n    time.sleep(600)\n"
RUNS_ALL = """\
import signal, sys, pathlib
from tests.suite import Part, run
signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
options = ("-c", "/dev/null", "-p", "no:cacheprovider")
run([Part(name, (*options, sys.argv[1])) for name in ("one", "another", "third")], pathlib.Path(sys.argv[2]), at_once=2)
"""


def test_nothing_is_left_when_it_is_ended(tmp_path: Path) -> None:
    """SIGTERM ends the parts too, and no further one begins."""
    (tmp_path / "test_waits.py").write_text(WAITS)
    command = [sys.executable, "-c", RUNS_ALL, str(tmp_path / "test_waits.py"), str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        wait_until(lambda: len(children(running.pid)) == 2, "both parts run")
        parts = children(running.pid)
        running.terminate()
        assert running.wait(HANG_S) == 128 + signal.SIGTERM
    assert all(map(is_gone, parts))


def children(pid: int) -> list[int]:
    """The processes that a process has started, by any of its threads."""
    return [int(one) for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split()]
