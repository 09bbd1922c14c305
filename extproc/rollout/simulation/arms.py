"""Sums of a simulated signal by run, step, arm and bucket, and the first events of units, as a store keeps them."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from extproc.rollout.simulation.signals import SignalModel
from extproc.rollout.simulation.traffic import BUCKETS, Exchanges, TrafficModel
from extproc.statistics.arrays import AnyFloats, Bools, Floats, Ints
from extproc.statistics.cluster_sums import ClusterSums
from extproc.statistics.gate_evidence import FirstEvents, GateSums
from extproc.statistics.references import SignalKind
from extproc.statistics.sums import SumArrays


class _Answered(NamedTuple):
    """What a block adds, and when it is known."""

    known_at: int
    exchanges: Exchanges
    values: AnyFloats | Bools


class SimulatedArms:
    """One signal of some runs. ``shares``: of the canary, by step."""

    def __init__(
        self, model: SignalModel, traffic: TrafficModel, shares: Floats, runs: int, chance: np.random.Generator
    ) -> None:
        self.model, self._shares, self._runs = model, shares, runs
        self._signal = model.drawn(traffic, runs, chance)
        shape = (2, runs, len(shares), BUCKETS)  # stable, then canary
        self._count, self._total = np.zeros(shape), np.zeros(shape)
        # The squares of events are the events.
        self._squares = self._total if model.kind is SignalKind.RATE else np.zeros(shape)
        self._events = np.zeros((2, runs, len(shares)))
        self._had_event = np.zeros(runs * traffic.users, dtype=np.bool_)
        self._later: deque[_Answered] = deque()

    def add(self, exchanges: Exchanges, until: int) -> None:
        """Take a block; feedback that comes later is taken when it is due. Args: until: exchanges of a run so far."""
        size = exchanges.is_canary.shape[1]
        values = self._signal.values(exchanges, until - size)
        self._later.append(_Answered(until + self.model.delay, exchanges, values))
        while self._later and self._later[0].known_at <= until:
            _, known, found = self._later.popleft()
            self._take(known, found)

    def sums(self) -> GateSums:
        """What a rollout would know."""
        stable, canary = (
            ClusterSums.of(SumArrays(self._count[arm], self._total[arm], self._squares[arm])) for arm in (0, 1)
        )
        events = FirstEvents(self._events[1], self._events[0]) if self.model.kind is SignalKind.RATE else None
        return GateSums(self.model.kind, self._shares, canary, stable, events)

    def _take(self, exchanges: Exchanges, values: AnyFloats | Bools) -> None:
        runs = np.arange(self._runs)
        place = (exchanges.is_canary * np.int64(self._runs) + runs[:, None]) * BUCKETS + exchanges.bucket
        self._add(self._count, exchanges.step, self._by_bucket(place))
        if self.model.kind is SignalKind.RATE:
            run, number = np.nonzero(values)
            self._add(self._total, exchanges.step, self._by_bucket(place[run, number]))
            self._note_first(exchanges, run, number)
        else:
            logs = np.asarray(values, dtype=np.float64)
            self._add(self._total, exchanges.step, self._by_bucket(place, logs))
            self._add(self._squares, exchanges.step, self._by_bucket(place, logs * logs))

    def _add(self, kept: Floats, step: Ints, new: Floats) -> None:
        """A slice where all runs are at the same step: that is several times as fast."""
        if (step == step[0]).all():
            kept[:, :, step[0]] += new
        else:
            kept[:, np.arange(self._runs), step] += new

    def _by_bucket(self, place: Ints, values: Floats | None = None) -> Floats:
        weights = None if values is None else values.ravel()
        counted = np.bincount(place.ravel(), weights, minlength=2 * self._runs * BUCKETS)
        return counted.astype(np.float64, copy=False).reshape(2, self._runs, BUCKETS)

    def _note_first(self, exchanges: Exchanges, run: Ints, number: Ints) -> None:
        """Of each unit's events in the whole rollout only the first counts."""
        if len(self._had_event):
            unit = exchanges.unit[run, number]
            _, first = np.unique(unit, return_index=True)
            first = first[~self._had_event[unit[first]]]
            self._had_event[unit[first]] = True
            run, number = run[first], number[first]
        arm = exchanges.is_canary[run, number].astype(np.int64)
        np.add.at(self._events, (arm, run, exchanges.step[run]), 1.0)
