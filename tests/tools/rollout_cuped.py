"""What CUPED would gain: the share of variance that a user's own past takes off, in the declared traffic.

Deng and others, "Improving the sensitivity of online controlled experiments by utilizing pre-experiment data" (WSDM
2013): from what is seen of a unit, the part that its own past explains is taken off. With a correlation rho between
both, rho squared of the variance goes. The product does not do it; the scene says what it would be worth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from extproc.rollout.simulation.signals import SignalModel
from extproc.rollout.simulation.traffic import SimulatedTraffic, TrafficModel
from extproc.statistics.arrays import Bools, Floats
from tests.tools.rollout_figures import RolloutFigure, in_percent
from tests.tools.rollout_worlds import HEAVY_USERS, MANY_USERS, RATE, SOME_USERS, Sizes, over_chunks

EXCHANGES = 40_000
"""Of both arms, at 50 %; and of the time before."""
_BLOCK = 1_000
_SHARE = np.array([0.5])


CHANGED = 0.5
"""Of users, in the last figure: that ask something else than before, so that their rate is drawn anew."""


def cuped(sizes: Sizes, chance: np.random.Generator) -> Iterator[RolloutFigure]:
    """Refusals of 2 %, of users who ask as much and as they did before; and where half of them do not."""
    runs = max(sizes.found // 4, 2)
    for users, traffic in (("5000", SOME_USERS), ("20000", MANY_USERS), ("2000", HEAVY_USERS)):
        for correlation, changed in ((0.02, 0.0), (0.05, 0.0), (0.05, CHANGED)):
            signal = SignalModel(RATE, 0.02, correlation=correlation)
            found = over_chunks(runs, chance, partial(adjusted, signal, traffic, changed))
            at = f"{users}_icc_{in_percent(correlation)}{'_half_changed' if changed else ''}"
            says = f"{users} users, icc {correlation:g}, refusals of 2 %{', half changed' if changed else ''}"
            cut = 1.0 - float(np.sum(found["adjusted"] ** 2) / np.sum(found["plain"] ** 2))
            rho_squared = float(np.mean(found["rho_squared"]))
            yield RolloutFigure(f"cuped_variance_cut_{at}", f"{says}: variance less", max(cut, 0.0), runs)
            yield RolloutFigure(f"cuped_rho_squared_{at}", f"{says}: rho squared", rho_squared, runs)


def adjusted(
    signal: SignalModel, traffic: TrafficModel, changed: float, runs: int, chance: np.random.Generator
) -> Mapping[str, Floats]:
    """The difference of identical arms by run, ``plain`` and ``adjusted``, and rho squared of users' residuals.

    Args: changed: share of users whose rate is drawn anew when the rollout begins.
    """
    drawn = SimulatedTraffic(traffic, runs, chance)
    first, then = (signal.drawn(traffic, runs, chance) for _ in range(2))
    is_canary: Bools = np.zeros((runs, traffic.users), dtype=np.bool_)
    has_changed = chance.random(is_canary.size) < changed

    def sums(is_before: bool) -> tuple[Floats, Floats]:
        """Answers and events by run and user, of the next exchanges."""
        count, total = np.zeros(is_canary.size), np.zeros(is_canary.size)
        for _ in range(0, EXCHANGES, _BLOCK):
            since, step = drawn.exchanges, np.zeros(runs, dtype=np.int64)
            block = drawn.block(np.broadcast_to(_SHARE, runs), step, _BLOCK)
            is_canary.ravel()[block.unit] = block.is_canary
            values = first.values(block, since)
            if changed and not is_before:
                values = np.where(has_changed[block.unit], then.values(block, since), values)
            count += np.bincount(block.unit.ravel(), minlength=count.size)
            total += np.bincount(block.unit.ravel(), values.ravel(), minlength=count.size)
        return count.reshape(is_canary.shape), total.reshape(is_canary.shape)

    before = _residuals(*sums(is_before=True))
    count, total = sums(is_before=False)
    now = _residuals(count, total)
    own, joint = np.sum(before**2, axis=-1), np.sum(before * now, axis=-1)
    slope = joint / np.maximum(own, 1e-300)
    weights = _arm_weights(count, is_canary)
    return {
        "plain": np.sum(weights * now, axis=-1),
        "adjusted": np.sum(weights * (now - slope[:, None] * before), axis=-1),
        "rho_squared": joint**2 / np.maximum(own * np.sum(now**2, axis=-1), 1e-300),
    }


def _residuals(count: Floats, total: Floats) -> Floats:
    """Of each user: events, less those of one who is like all."""
    rate = np.sum(total, axis=-1) / np.sum(count, axis=-1)
    found: Floats = total - rate[:, None] * count
    return found


def _arm_weights(count: Floats, is_canary: Bools) -> Floats:
    """Canary less stable version, of sums over users."""
    of_canary, of_stable = (np.sum(count * arm, axis=-1, keepdims=True) for arm in (is_canary, ~is_canary))
    found: Floats = np.where(is_canary, 1.0 / np.maximum(of_canary, 1.0), -1.0 / np.maximum(of_stable, 1.0))
    return found
