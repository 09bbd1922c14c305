"""Another commit of this project, measured in turns with the working tree: ``make bench ARGS="--against COMMIT"``.

Its sources are checked out into a folder and run with the installed dependencies. What stands behind Envoy is one more
subject of the run. What is measured within a process has a new process for each turn. So what the machine does
meanwhile falls on both alike, and each difference comes with the interval in which it lies.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tests.bench.figures import Figures, Key
from tests.bench.intervals import Interval, interval_of
from tests.bench.loads import Taken
from tests.bench.subjects import OF_COMMIT, importing_from

ROOT: Final = Path(__file__).parents[2]
COMPARED: Final = ("cpu_us", "p50_ms", "p99_ms")
REAL_SHARE: Final = 0.01
"""A smaller difference is none, however sure."""


class CommitUnusable(Exception):
    """The commit cannot be checked out, or not be measured."""


@contextlib.contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Path]:
    """The sources of a commit, until the end of the block. Raises: CommitUnusable."""
    sources = folder / "against"
    _git("worktree", "add", "--quiet", "--detach", str(sources), commit)
    try:
        yield sources
    finally:
        with contextlib.suppress(CommitUnusable):
            _git("worktree", "remove", "--force", str(sources))


def _git(*arguments: str) -> None:
    result = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        raise CommitUnusable(f"git {' '.join(arguments[:2])}: {result.stderr.strip()}")


def needs_no_places(measure: Callable[..., Figures]) -> bool:
    """Whether a measurement stands in a process by itself."""
    (places,) = inspect.signature(measure).parameters.values()
    return places.default is None


def measured_in(sources: Path, measure: Callable[..., Figures], tests: Path | None = None) -> Figures:
    """What a measurement of that name finds in a new process, of these sources.

    Args: tests: the sources of the measurement, if they are elsewhere.

    Raises: CommitUnusable.
    """
    code = f"import json; from {measure.__module__} import {measure.__name__} as m; print(json.dumps(m()))"
    environment = os.environ | importing_from(sources, *([tests] if tests else []))
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=sources, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise CommitUnusable(f"{measure.__name__} in {sources.name}: {result.stderr.strip().splitlines()[-1:]}")
    found: Figures = json.loads(result.stdout)
    return found


def take_turns(sources: Path, measure: Callable[..., Figures], rounds: int) -> tuple[list[Figures], list[Figures]]:
    """Rounds of the commit and of the working tree, one after the other. Raises: CommitUnusable."""
    before, after = [], []
    for _ in range(rounds):
        before.append(measured_in(sources, measure))
        after.append(measured_in(ROOT, measure))
    return before, after


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of both. Attributes: times: the working tree's, divided by the commit's, round by round."""

    name: str
    before: float
    after: float
    times: Interval

    @property
    def is_real(self) -> bool:
        """Whether it is more than chance."""
        return self.times.excludes_one and abs(self.times.mean - 1) > REAL_SHARE


def differences(before: Sequence[Mapping[str, float]], after: Sequence[Mapping[str, float]]) -> list[Difference]:
    """Of each figure that all rounds have, and that is above 0 in all."""
    found = []
    for name in before[0]:
        pairs = [(old.get(name, 0.0), new.get(name, 0.0)) for old, new in zip(before, after, strict=True)]
        if all(min(pair) > 0 for pair in pairs):
            times = interval_of([new / old for old, new in pairs])
            if times is not None:
                old_mean, new_mean = (sum(each) / len(pairs) for each in zip(*pairs, strict=True))
                found.append(Difference(name, old_mean, new_mean, times))
    return found


def of_subjects(samples: Mapping[Key, Sequence[Taken]]) -> list[Difference]:
    """Of each subject of the commit and its counterpart in the working tree, at each load that both have taken."""
    before: list[Figures] = []
    after: list[Figures] = []
    for (subject, load, connections), taken in samples.items():
        ours = OF_COMMIT.get(subject)
        counterpart = samples.get((ours, load, connections)) if ours else None
        if counterpart is None:
            continue
        for rounds, of_one in ((before, taken), (after, counterpart)):
            rounds += [{} for _ in range(len(of_one) - len(rounds))]
            for figures, sample in zip(rounds, of_one, strict=False):
                figures |= {
                    f"{measure}.{ours}.{load}.c{connections}": getattr(sample, measure)
                    for measure in COMPARED
                    if hasattr(sample, measure)
                }
    common = min(len(before), len(after))
    return differences(before[:common], after[:common]) if common else []


def print_differences(console: Console, commit: str, found: Sequence[Difference]) -> None:
    """What is real comes first."""
    table = Table(title=f"The working tree / {commit}: mean of the rounds, with the interval at 95 %")
    for column in ("figure", commit, "now", "times", "interval", ""):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for one in sorted(found, key=lambda each: (not each.is_real, each.name)):
        said: Any = ("faster" if one.times.mean < 1 else "slower") if one.is_real else ""
        interval = f"{one.times.low:.3f} to {one.times.high:.3f}"
        table.add_row(one.name, f"{one.before:,.2f}", f"{one.after:,.2f}", f"{one.times.mean:.3f}", interval, said)
    console.print(table)
