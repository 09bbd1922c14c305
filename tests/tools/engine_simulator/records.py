"""Gathers steps while an engine runs."""

from __future__ import annotations

from typing import Final

import numpy as np

from extproc.statistics.arrays import Floats, Ints
from tests.tools.engine_simulator.runs import EngineSteps
from tests.tools.engine_simulator.step_laws import StepWork

_NOTHING = np.zeros(0)
NO_STEPS: Final = EngineSteps(
    _NOTHING, _NOTHING, np.zeros(1, np.int64), np.zeros(0, np.int64), StepWork(*(_NOTHING,) * 4)
)


class StepRecords:
    """Steps in the order in which they were."""

    def __init__(self) -> None:
        self._begins: list[Floats] = []
        self._times: list[Floats] = []
        self._sizes: list[Ints] = []
        self._requests: list[Ints] = []
        self._work: list[StepWork] = []

    def add(self, begin_us: float, times: Floats, request: Ints, work: StepWork) -> None:
        """Steps that follow each other, with as many members each.

        Args:
            times: of the steps. [us]
            request, work: of their members, of shape (steps, members).
        """
        self._begins.append(begin_us + np.cumsum(times) - times)
        self._times.append(times)
        self._sizes.append(np.full(len(times), request.shape[-1]))
        self._requests.append(request.ravel())
        self._work.append(StepWork(*(np.ravel(column) for column in work)))

    def steps(self) -> EngineSteps:
        """All of them; the sequences of a request are one member."""
        if not self._times:
            return NO_STEPS
        begins, times, request = (
            np.concatenate(self._begins),
            np.concatenate(self._times),
            np.concatenate(self._requests),
        )
        step = np.repeat(np.arange(len(times)), np.concatenate(self._sizes))
        work = [np.concatenate(columns).astype(np.float64) for columns in zip(*self._work, strict=True)]
        order = np.lexsort((request, step))
        step, request = step[order], request[order]
        is_first = np.ones(len(step), dtype=np.bool_)
        is_first[1:] = (np.diff(step) != 0) | (np.diff(request) != 0)
        firsts = np.flatnonzero(is_first)
        merged = StepWork(*(np.add.reduceat(column[order], firsts) for column in work))
        members = np.searchsorted(step[firsts], np.arange(len(times) + 1))
        return EngineSteps(begins, times, members, request[firsts], merged)
