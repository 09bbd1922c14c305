"""The figures of ``rollout_proof``, and the scenes that they come from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from extproc.statistics.arrays import Bools, Floats
from tests.tools.proof_figures import LEAST, ProofFigure
from tests.tools.rollout_worlds import ALPHA, Sizes


@dataclass(frozen=True, slots=True)
class RolloutFigure(ProofFigure):
    """A share of runs. ``delays``: exchanges of the canary, by run, where something is to be found."""

    delays: Floats | None = None

    def as_json(self) -> dict[str, Any]:
        """Flat: by its name, and of delays the quantiles; null: never found."""
        told: dict[str, Any] = ProofFigure.as_json(self)
        if self.delays is not None:
            for name, share in (("median", 0.5), ("p95", 0.95)):
                delay = float(np.quantile(self.delays, share, method="higher"))
                told[f"{self.name}_exchanges_{name}"] = delay if math.isfinite(delay) else None
        return told


@dataclass(frozen=True, slots=True)
class Scene:
    """Some figures of the same simulated traffic."""

    name: str
    simulate: Callable[[Sizes, np.random.Generator], Iterator[RolloutFigure]]


def in_percent(share: float) -> str:
    """For names: 0.05 is 05."""
    return f"{100 * share:02.0f}"


def false_figure(name: str, says: str, acted: Floats, target: float | None = ALPHA) -> RolloutFigure:
    """Of runs that acted at all, where they should not."""
    return RolloutFigure(name, says, float(np.mean(np.isfinite(acted))), len(acted), target)


def found_figure(name: str, says: str, acted: Floats, within: float, target: float | None) -> RolloutFigure:
    """Of runs that acted within so many exchanges of the canary."""
    says = f"{says}: within {within:,.0f}"
    return RolloutFigure(name, says, float(np.mean(acted <= within)), len(acted), target, LEAST, acted)


def share_figure(name: str, says: str, acted: Bools, target: float | None, bound: str) -> RolloutFigure:
    """Of runs that did so."""
    return RolloutFigure(name, says, float(np.mean(acted)), len(acted), target, bound)
