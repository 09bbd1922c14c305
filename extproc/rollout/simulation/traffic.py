"""Who asks: users of a heavy-tailed activity, each on one arm by a coin that is drawn once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from extproc.statistics.arrays import Bools, Floats, Ints

BUCKETS: Final = 256
_TURNS_A_USER: Final = 32  # on average, in the table that users are drawn from
_RUNS_A_POPULATION: Final = 10  # that share activities, which take most of the memory


@dataclass(frozen=True, slots=True)
class TrafficModel:
    """Declared traffic, by numbers of exchanges in place of a clock.

    Attributes:
        users: 0: every exchange is a unit of its own.
        tail: the shape of the Pareto law of activity. At 1.2 a tenth of the users asks about two thirds.
        day: exchanges a day.
        rhythm: by how much the logarithm of a level rises and falls over the day, in both arms.
        drift: by how much it changes in a day, in both arms.
    """

    users: int = 2_000
    tail: float = 1.2
    day: int = 20_000
    rhythm: float = 0.3
    drift: float = 0.03

    def log_level(self, exchange: float) -> float:
        """What hour and drift add to the logarithm of every level, in both arms."""
        days = exchange / self.day
        return self.rhythm * math.sin(2.0 * math.pi * days) + self.drift * days


class Exchanges(NamedTuple):
    """Of a block: ``[runs, exchanges]``. ``unit``: the user's place among those of all runs. ``step``: of each run."""

    unit: Ints
    bucket: Ints
    is_canary: Bools
    step: Ints


class SimulatedTraffic:
    """The exchanges of some runs, block by block. Ten runs share the activities of users; coins are each run's own."""

    def __init__(self, model: TrafficModel, runs: int, chance: np.random.Generator) -> None:
        self.model, self.runs, self._chance = model, runs, chance
        self.exchanges = 0
        if model.users:
            populations = math.ceil(runs / _RUNS_A_POPULATION)
            self._turns = np.array([self._population() for _ in range(populations)])
            self._first_turn = (np.arange(runs) // _RUNS_A_POPULATION * self._turns.shape[1])[:, None]
            self._first_unit = (np.arange(runs) * model.users)[:, None]
            self._buckets = chance.integers(0, BUCKETS, model.users, dtype=np.int32)
            self._coins = chance.random((runs, model.users), dtype=np.float32)

    def block(self, shares: Floats, step: Ints, size: int) -> Exchanges:
        """The next exchanges of each run. Args: shares: of the canary, by run."""
        self.exchanges += size
        shape = (self.runs, size)
        if not self.model.users:
            bucket = self._chance.integers(0, BUCKETS, shape, dtype=np.int32)
            is_canary = self._chance.random(shape, dtype=np.float32) < shares[:, None]
            return Exchanges(np.zeros((self.runs, 1), dtype=np.int32), bucket, is_canary, step)
        turn = self._chance.integers(0, self._turns.shape[1], shape, dtype=np.int32)
        user = self._turns.ravel()[self._first_turn + turn]
        unit = user + self._first_unit
        return Exchanges(unit, self._buckets[user], self._coins.ravel()[unit] < shares[:, None], step)

    def _population(self) -> Ints:
        """Each user as often as it asks, in equal lists, with fractions rounded by chance."""
        users = self.model.users
        activity = np.cumsum(self._chance.pareto(self.model.tail, users) + 1.0)
        bounds = np.floor(activity / activity[-1] * (_TURNS_A_USER * users) + self._chance.random()).astype(np.int64)
        bounds[-1] = _TURNS_A_USER * users
        return np.repeat(np.arange(users, dtype=np.int32), np.diff(bounds, prepend=0))
