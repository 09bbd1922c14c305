"""The other game: what some requests are worth is the time that a server is busy if nobody else had come.

It does not add up over slices, so it bills nobody; but it needs no step, and of a few requests that overlap it can be
had exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from extproc.allocation.methods import METHODS
from extproc.statistics.arrays import Ints
from tests.tools.allocation_worlds import LAWS, ROOFLINE, ChargeErrors, ProofWorlds, charged
from tests.tools.engine_simulator.engine import simulated
from tests.tools.engine_simulator.proxy_view import as_seen
from tests.tools.engine_simulator.runs import EngineRequest
from tests.tools.engine_simulator.shapley import game_values, step_values
from tests.tools.engine_simulator.traffic_mixes import SECOND_US, TrafficMix

_WITHIN_US = 2 * SECOND_US
_WRITTEN_MAX = 400
"""So that requests overlap, and a game is over soon."""
STEP_GAME = "step_game"


def counterfactual_games(
    worlds: ProofWorlds, mix: TrafficMix, chance: np.random.Generator
) -> Iterator[dict[str, ChargeErrors]]:
    """Of a few requests of a mix each, that overlap: errors of each method, and of the step game."""
    law = LAWS[ROOFLINE]
    for _ in range(worlds.sizes.games):
        requests = overlapping(mix.drawn(chance, share=0.2), worlds.sizes.players, chance)

        def busy(members: Ints, requests: list[EngineRequest] = requests) -> float:
            return simulated([requests[one] for one in members], law, mix.settings).busy_us

        truth = game_values(len(requests), busy)
        teams = [one.team for one in requests]
        run = simulated(requests, law, mix.settings)
        steps = step_values(run.steps, law, len(requests), chance)
        seen = as_seen(run, chance)
        errors = {name: ChargeErrors.of(charged(seen, worlds.costs(), name), truth, teams) for name in METHODS}
        yield {**errors, STEP_GAME: ChargeErrors.of(steps, truth, teams)}


def overlapping(requests: list[EngineRequest], count: int, chance: np.random.Generator) -> list[EngineRequest]:
    """So many of them, of as many teams as there are, within two seconds."""
    by_team: dict[str, list[EngineRequest]] = {}
    for one in requests:
        by_team.setdefault(one.team, []).append(one)
    turns = [team[turn] for turn in range(count) for team in by_team.values() if turn < len(team)]
    times = np.sort(chance.integers(0, _WITHIN_US, min(count, len(turns))))
    return [
        replace(one, sent_us=int(time), leaves_us=None, written=min(one.written, _WRITTEN_MAX))
        for one, time in zip(turns[:count], times, strict=True)
    ]
