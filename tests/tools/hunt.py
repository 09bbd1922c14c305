"""Look long for counterexamples to the laws: ``make hunt``.

All laws with 2,000 examples each take many hours. So their files run one by one, and a hunt may end at any time: the
next one begins with the files that have never passed, then with those whose pass is the oldest. What passed on the
present commit is not run again, so hunts of an hour a day get through all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
STATE: Final = ROOT / ".hypothesis" / "hunt.json"
WHERE: Final = ("tests/playbooks", "tests/stream", "tests/unit")
_HAS_LAWS: Final = re.compile(r"^(?:from|import) (?:hypothesis|tests\.thorough)\b", re.MULTILINE)
_TEST_S_MAX: Final = 7_200


@dataclass(frozen=True, slots=True)
class Pass:
    """A file that held: on which commit, when [s since 1970], and how long it took [s]."""

    commit: str
    at_s: float
    seconds: float


class Passes:
    """The last pass of each file, kept between hunts; the state of another format counts as none."""

    def __init__(self, state: Path) -> None:
        self._state = state
        try:
            self._passes = {name: Pass(**one) for name, one in json.loads(state.read_text()).items()}
        except (OSError, ValueError, TypeError, AttributeError):
            self._passes = {}

    def add(self, name: str, passed: Pass) -> None:
        """Keep it, at once."""
        self._passes[name] = passed
        self._state.parent.mkdir(exist_ok=True)
        written = self._state.with_suffix(".new")
        written.write_text(json.dumps({name: asdict(one) for name, one in self._passes.items()}, indent=1))
        written.replace(self._state)

    def due(self, names: Iterable[str], commit: str) -> list[str]:
        """Those that have not passed on a commit, the longest ago first."""
        due = [name for name in names if name not in self._passes or self._passes[name].commit != commit]
        return sorted(due, key=lambda name: (self._passes[name].at_s if name in self._passes else 0.0, name))


def files_with_laws(root: Path, where: Sequence[str]) -> list[str]:
    """The test files, below folders or named themselves, that try many cases."""
    found = [
        path for name in where for path in ([root / name] if name.endswith(".py") else (root / name).rglob("test_*.py"))
    ]
    return sorted(str(path.relative_to(root)) for path in found if _HAS_LAWS.search(path.read_text()))


def run_file(root: Path, name: str) -> tuple[bool, str]:
    """Returns: whether its tests pass, and what was printed."""
    command = [sys.executable, "-m", "pytest", "-q", "--timeout", str(_TEST_S_MAX), name]
    environ = os.environ | {"HYPOTHESIS_PROFILE": "hunt"}
    ran = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, check=False)
    return ran.returncode == 0, ran.stdout + ran.stderr


def hunt(root: Path, passes: Passes, names: Sequence[str], commit: str, minutes: float, at_once: int) -> int:
    """Run what is due until the time is over; what has begun then runs to its end. Returns: how many files failed."""
    end_s = time.monotonic() + minutes * 60
    due = passes.due(names, commit)

    def one(name: str) -> bool | None:
        begun_s = time.monotonic()
        if begun_s >= end_s:
            return None
        has_passed, output = run_file(root, name)
        seconds = time.monotonic() - begun_s
        if has_passed:
            passes.add(name, Pass(commit, time.time(), round(seconds, 1)))
        print(
            f"{'passed' if has_passed else 'FAILED'} {seconds:6.0f} s  {name}\n{'' if has_passed else output}",
            end="",
            flush=True,
        )
        return has_passed

    with ThreadPoolExecutor(at_once) as workers:
        results = list(workers.map(one, due))
    failed = results.count(False)
    held = len(names) - len(due) + results.count(True)
    print(
        f"{held} of {len(names)} files with laws hold on this commit, {failed} failed, {results.count(None)} are left"
    )
    return failed


def main() -> None:
    """Exit code 1: a law does not hold."""
    parser = argparse.ArgumentParser(prog="make hunt ARGS=...", description=__doc__)
    parser.add_argument("where", nargs="*", default=WHERE, help="folders or files, default: all tests with laws")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="when no further file begins")
    parser.add_argument("--at-once", type=int, default=2, help="how many files run at a time")
    told = parser.parse_args()
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = files_with_laws(ROOT, told.where)
    raise SystemExit(min(1, hunt(ROOT, Passes(STATE), names, asked.stdout.strip(), told.minutes, told.at_once)))


if __name__ == "__main__":
    main()
