"""What is measured of an answer: events, or logarithms of lengths and durations, correlated within a user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from extproc.rollout.simulation.traffic import Exchanges, TrafficModel
from extproc.statistics.arrays import AnyFloats, Bools
from extproc.statistics.references import SignalKind


class DrawnSignal(Protocol):
    """The values of one signal for the users of some runs."""

    def values(self, exchanges: Exchanges, since: int) -> AnyFloats | Bools:
        """Of each exchange. Args: since: exchanges of a run before this block."""


@dataclass(frozen=True, slots=True)
class SignalModel:
    """A declared signal. One whose values come from elsewhere overrides ``drawn``.

    Attributes:
        level: the rate of the stable version; of logarithms it does not matter.
        sd: of one logarithm.
        correlation: of two answers of one user (intra-class correlation).
        change: of the canary: added to its rate, or to its mean logarithm.
        ratio: of the canary's rate, at every hour.
        delay: exchanges until it is known, as that of feedback.
    """

    kind: SignalKind
    level: float = 0.0
    sd: float = 0.0
    correlation: float = 0.0
    change: float = 0.0
    ratio: float = 1.0
    delay: int = 0

    def drawn(self, traffic: TrafficModel, runs: int, chance: np.random.Generator) -> DrawnSignal:
        """Its values for the users of some runs."""
        return SimulatedSignal(self, traffic, runs, chance)


class SimulatedSignal:
    """The values of one signal for the users of some runs.

    A user's rate is the level times a factor of a gamma law with mean 1, whose variance gives the correlation. A user's
    mean logarithm is normal.
    """

    def __init__(self, model: SignalModel, traffic: TrafficModel, runs: int, chance: np.random.Generator) -> None:
        self.model, self._traffic, self._chance = model, traffic, chance
        self._effects: AnyFloats | None = None
        if model.correlation and traffic.users:
            shape = (runs, traffic.users)
            if model.kind is SignalKind.RATE:
                form = model.level / (model.correlation * (1.0 - model.level))
                self._effects = chance.standard_gamma(form, shape).astype(np.float32) / np.float32(form)
            else:
                own = model.sd * np.sqrt(model.correlation)
                self._effects = chance.standard_normal(shape, dtype=np.float32) * np.float32(own)

    def values(self, exchanges: Exchanges, since: int) -> AnyFloats | Bools:
        """Of each exchange. Args: since: exchanges of a run before this block."""
        effects = None if self._effects is None else self._effects.ravel()[exchanges.unit]
        log_level = self._traffic.log_level(since)
        model, shape = self.model, exchanges.is_canary.shape
        if model.kind is SignalKind.RATE:
            level = model.level * np.exp(log_level)
            levels = np.array([level, level * model.ratio + model.change], dtype=np.float32)
            rate: AnyFloats = levels[exchanges.is_canary.view(np.int8)]
            if effects is not None:
                rate = rate * effects
            found: Bools = self._chance.random(shape, dtype=np.float32) < rate
            return found
        noise = model.sd * np.sqrt(1.0 - (model.correlation if effects is not None else 0.0))
        value = self._chance.standard_normal(shape, dtype=np.float32) * np.float32(noise)
        value = value + np.where(exchanges.is_canary, log_level + model.change, log_level).astype(np.float32)
        return value if effects is None else value + effects
