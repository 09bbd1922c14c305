"""The order of measurements: every subject has its turn at a load before any has the next (A B C, A B C)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from tests.bench.figures import Key
from tests.bench.loads import Load, Sample, measure
from tests.bench.subjects import Subject

WARM_UP_S = 0.5
WARM_UP_EVENTS_MAX = 500  # longer streams are warm from the shorter ones that went before

Samples = dict[Key, list[Sample]]


@dataclass(slots=True)
class Rounds:
    """Takes samples. A subject that answers nothing is named in ``broken`` and has no more turns.

    Args:
        program: the load generator.
        folder: for the bodies of requests.
    """

    program: Path
    folder: Path
    console: Console
    samples: Samples = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def run(self, started: Sequence[Subject], loads: Sequence[Load], connections: Sequence[int], rounds: int) -> None:
        """Measure each load with each number of connections, ``rounds`` times."""
        with self.console.status("measuring") as status:
            for turn in range(rounds):
                for load, count in ((load, count) for load in loads for count in connections):
                    for subject in (one for one in started if one.name not in self.broken):
                        status.update(f"round {turn + 1} of {rounds}: {load.name}, {count} connections, {subject.name}")
                        self._turn(subject, load, count, warm=turn > 0 or load.events > WARM_UP_EVENTS_MAX)

    def _turn(self, subject: Subject, load: Load, connections: int, warm: bool) -> None:
        try:
            if not warm:
                measure(self.program, subject, load, connections, self.folder, WARM_UP_S)
            sample = measure(self.program, subject, load, connections, self.folder, load.seconds)
        except (RuntimeError, OSError) as error:  # it, or its Envoy, is gone
            self.broken.add(subject.name)
            self.console.print(f"{subject.name} is left out from here on: {error}", style="red", markup=False)
            return
        self.samples.setdefault((subject.name, load.name, connections), []).append(sample)
        if sample.failed:
            text = f"{subject.name}, {load.name}: {sample.failed} failed: {sample.failure}"
            self.console.print(text, style="yellow", markup=False)
