"""What is asked of a simulated engine, and what it records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from extproc.statistics.arrays import Floats, Ints
from tests.tools.engine_simulator.step_laws import StepWork


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """Attributes:
    sent_us: when it reaches the engine.
    prompt: tokens.
    written: tokens that each of its sequences would write, at least 1.
    shared: tokens with which all prompts of the team begin that share as many.
    leaves_us: when the client hangs up; later than ``sent_us``.
    """

    sent_us: int
    team: str
    prompt: int
    written: int
    shared: int = 0
    sequences: int = 1
    leaves_us: int | None = None


@dataclass(frozen=True, slots=True)
class EngineSteps:
    """Attributes:
    begin_us, time_us: of each step.
    members: where the members of each step begin, and one more: the end. Places in ``request`` and ``work``.
    request: of each member.
    work: its part of the step.
    """

    begin_us: Floats
    time_us: Floats
    members: Ints
    request: Ints
    work: StepWork

    def __len__(self) -> int:
        return len(self.time_us)

    def totals(self) -> StepWork:
        """The work of each step."""
        return StepWork(*(np.add.reduceat(column, self.members[:-1]) for column in self.work))

    def by_size(self) -> Iterator[tuple[int, Ints]]:
        """The steps of each number of members."""
        sizes = np.diff(self.members)
        for size in np.unique(sizes):
            yield int(size), np.flatnonzero(sizes == size)


@dataclass(frozen=True, slots=True)
class EngineRun:
    """Attributes, each an array by request:
    scheduled_us: when its first step began; -1: it left before. first_us, last_us: when a step with its first or its
        last token ended; -1: there is none.
    cached: tokens of its prompt that were in the prefix cache.
    written: tokens of all sequences.
    prefilled, again: tokens that were prefilled, and those of them that had been computed before a preemption.
    """

    requests: list[EngineRequest]
    steps: EngineSteps
    scheduled_us: Floats
    first_us: Floats
    last_us: Floats
    cached: Ints
    written: Ints
    prefilled: Ints
    again: Ints

    @property
    def busy_us(self) -> float:
        """Time of all steps."""
        return float(self.steps.time_us.sum())

    @property
    def again_share(self) -> float:
        """Of all tokens, those that were computed again after a preemption."""
        return int(self.again.sum()) / int(self.prefilled.sum() + self.written.sum())
