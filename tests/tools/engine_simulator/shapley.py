"""What each request is charged, if everything is known: the Shapley value of each step, summed over steps.

The players are the requests in a step, and what some of them are worth is the time of a step with only their part
(nobody: 0). The values of a step sum to its time, those who do the same have the same, and they add up over steps and
servers. Up to ``EXACT_PLAYERS`` they are exact, and for an affine law always; else they are means over permutations,
each of which is taken backwards too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from extproc.statistics.arrays import Floats, Ints
from tests.tools.engine_simulator.runs import EngineSteps
from tests.tools.engine_simulator.step_laws import Affine, StepLaw, StepWork

EXACT_PLAYERS: Final = 10
PERMUTATIONS: Final = 32
_AT_ONCE: Final = 2_000_000
"""Numbers of an array, so that memory stays small."""


def step_values(
    steps: EngineSteps,
    law: StepLaw,
    requests: int,
    chance: np.random.Generator,
    permutations: int = PERMUTATIONS,
    exact_players: int = EXACT_PLAYERS,
) -> Floats:
    """The time that each request is charged. [us]

    Args:
        requests: how many there are.
        permutations: of steps with more members than ``exact_players``; even.
    Returns: of each request; together the time of all steps.
    """
    found = np.zeros(requests)
    for size, places in steps.by_size():
        parts = max(_AT_ONCE // _numbers(size, law, permutations, exact_players), 1)
        for begin in range(0, len(places), parts):
            chosen = places[begin : begin + parts]
            members = steps.members[chosen][:, None] + np.arange(size)
            work = StepWork(*(column[members] for column in steps.work))
            if size == 1:
                values = steps.time_us[chosen][:, None]
            elif isinstance(law, Affine):
                values = law(work) - law.costs.step * (1.0 - 1.0 / size)
            elif size <= exact_players:
                values = exact_values(work, law)
            else:
                values = sampled_values(work, law, permutations, chance)
            np.add.at(found, steps.request[members], values)
    return found


def _numbers(size: int, law: StepLaw, permutations: int, exact_players: int) -> int:
    if isinstance(law, Affine) or size == 1:
        return size
    return 2**size if size <= exact_players else permutations * size


def exact_values(work: StepWork, law: StepLaw) -> Floats:
    """Of steps.

    Args: work: of shape (steps, members).
    Returns: of the same shape.
    """
    players = work.prefill.shape[1]
    inside = subsets(players)
    worth = law(StepWork(*(column @ inside.T for column in work)))
    worth[:, 0] = 0.0
    found: Floats = worth @ subset_weights(players)
    return found


def subsets(players: int) -> Floats:
    """Who is in each subset: shape (2^players, players); the first is nobody."""
    return np.asarray(np.arange(2**players)[:, None] >> np.arange(players) & 1, dtype=np.float64)


def subset_weights(players: int) -> Floats:
    """What each subset's worth adds to each player's value; shape (2^players, players)."""
    inside = subsets(players).astype(np.bool_)
    sizes = inside.sum(axis=1)
    joined, left = (np.zeros(players + 1) for _ in range(2))
    for size in range(players):
        weight = 1.0 / (players * math.comb(players - 1, size))
        joined[size + 1] = left[size] = weight
    return np.where(inside, joined[sizes][:, None], -left[sizes][:, None])


def sampled_values(work: StepWork, law: StepLaw, permutations: int, chance: np.random.Generator) -> Floats:
    """Means of what each member adds in permutations, half of them the others backwards. Shapes as ``exact_values``.

    What a step takes with next to nothing in it is divided alike, which is exact and most of what is random otherwise.
    """
    steps, players = work.prefill.shape
    order = chance.random((steps, permutations // 2, players)).argsort(axis=-1)
    order = np.concatenate((order, order[:, :, ::-1]), axis=1)
    row = np.arange(steps)[:, None, None]
    worth = law(StepWork(*(np.cumsum(column[row, order], axis=-1) for column in work)))
    least = float(law(StepWork(*np.zeros((4, 1))))[0])
    adds = np.diff(worth, axis=-1, prepend=least)
    at = order + row * players
    sums = np.bincount(at.ravel(), adds.ravel(), minlength=steps * players).reshape(steps, players)
    return np.asarray(sums / order.shape[1] + least / players, dtype=np.float64)


def game_values(players: int, worth: Callable[[Ints], float]) -> Floats:
    """The exact Shapley values of any game.

    Args: worth: of a subset that is not empty, by the places of its players, rising.
    """
    values = np.zeros(2**players)
    for number, inside in enumerate(subsets(players)):
        if number:
            values[number] = worth(np.flatnonzero(inside))
    found: Floats = values @ subset_weights(players)
    return found
