"""The order of measurements: every subject has its turn at a load before any has the next (A B C, A B C)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from tests.bench.figures import Key
from tests.bench.loads import Load, Taken, measure
from tests.bench.processes import cpu_seconds, end_of
from tests.bench.subjects import Subject

FAILED_SHARE_MAX = 0.01
WARM_UP_S = 0.5
ROUNDS_MAX = 24
WARM_UP_EVENTS_MAX = 500  # longer streams are warm from the shorter ones that went before

Samples = dict[Key, list[Taken]]


@dataclass(slots=True)
class Rounds:
    """Takes samples. A subject that answers nothing is named in ``broken`` and has no more turns.

    A sample in which too many requests failed is no figure, since errors cost less than answers: it is ``dropped``.

    Args:
        program: the load generator.
        folder: for the bodies of requests.
        upstream_pid: the model server's process.
    """

    program: Path
    folder: Path
    upstream_pid: int
    console: Console
    samples: Samples = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    dropped: int = 0

    def run(
        self, started: Sequence[Subject], loads: Sequence[Load], rounds: int, goes_on: Callable[[], bool] | None = None
    ) -> None:
        """Measure each load with each of its numbers of connections, ``rounds`` times.

        Args: goes_on: whether another round is wanted after these; at most ``ROUNDS_MAX``. None: none is.

        Raises: RuntimeError.
        """
        for turn in range(max(rounds, ROUNDS_MAX if goes_on else 0)):
            if turn >= rounds and (goes_on is None or not goes_on()):
                return
            for load, count in ((each, count) for each in loads for count in each.connections):
                wanted = [one for one in started if not load.subjects or one.name in load.subjects]
                warm = turn > 0 or load.events > WARM_UP_EVENTS_MAX
                title = f"round {turn + 1}: {load.name}, {count} connections"
                self.turns(wanted, (load.name, count), title, self._taker(load, count, warm))

    def turns(
        self, started: Sequence[Subject], load: tuple[str, int], title: str, take: Callable[[Subject], Taken]
    ) -> None:
        """Let each subject that is not broken have its turn, and keep what ``take`` gives.

        Args:
            load: its name, and the number of connections.

        Raises: RuntimeError, when the model server has ended: nothing more can be measured.
        """
        for subject in (one for one in started if one.name not in self.broken):
            cpu_seconds(self.upstream_pid)
            try:
                with self.console.status(f"{title}, {subject.name}"):
                    sample = take(subject)
            except (RuntimeError, OSError) as error:  # it, or its Envoy, is gone
                self.broken.add(subject.name)
                text = f"{subject.name} is left out from here on: {error}\n{end_of(subject.log)}"
                self.console.print(text, style="red", markup=False)
                continue
            if sample.failed:
                text = f"{subject.name}, {load[0]}: {sample.failed} failed: {sample.failure}"
                self.console.print(text, style="yellow", markup=False)
            if sample.failed > FAILED_SHARE_MAX * (sample.requests + sample.failed):
                self.dropped += 1
            else:
                self.samples.setdefault((subject.name, *load), []).append(sample)

    def _taker(self, load: Load, connections: int, warm: bool) -> Callable[[Subject], Taken]:
        def take(subject: Subject) -> Taken:
            if not warm:
                measure(self.program, subject, load, connections, self.folder, WARM_UP_S)
            return measure(self.program, subject, load, connections, self.folder, load.seconds)

        return take
