"""Whether hints of ``extproc savings`` hold: the same requests run again as a hint says, and what they then cost.

One team follows its hint at a time. What it saves in truth is the fall of its Shapley value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from extproc.allocation.used_cells import UsedCells, UsedHours
from extproc.ledger.allocation.reading import ExchangeKind
from extproc.ledger.allocation.used_reading import UsedTime
from extproc.reports.savings import Saving, savings
from extproc.statistics.arrays import Floats, Ints
from tests.tools.allocation_figures import AllocationFigure
from tests.tools.allocation_worlds import ROOFLINE, ProofCase, ProofWorlds, charged
from tests.tools.engine_simulator.runs import EngineRequest
from tests.tools.engine_simulator.traffic_mixes import BURSTY, CHAT, MIXED, RAG, TrafficMix
from tests.tools.proof_figures import MOST

_MIXES: Final = (CHAT, RAG, MIXED, BURSTY)
_MEAN_TARGET: Final = 0.05
"""Of a team's own GPU time."""


class _Followed(NamedTuple):
    """Of a team: what its hint says, and what following it saves, both as parts of its GPU time."""

    said: float
    true: float


def followed_hints(worlds: ProofWorlds) -> Iterator[AllocationFigure]:
    """The difference of both, of all teams of the first draw of some mixes."""
    for hint, follow in (("max_tokens", _with_limits), ("prefix_caching", _with_cache)):
        found = [one for mix in _MIXES for one in follow(mix, worlds)]
        if not found:
            continue  # in a few seconds of traffic no answer need be too long
        off = [abs(one.said - one.true) for one in found]
        for name, what, value, target in (
            ("mean", "mean", float(np.mean(off)), _MEAN_TARGET),
            ("worst", "worst team", float(np.max(off)), None),
        ):
            says = f"hint {hint}, against what following it saves: {what}"
            yield AllocationFigure(f"savings_{hint}_{name}", says, value, len(found), target, MOST)


def _with_limits(mix: TrafficMix, worlds: ProofWorlds) -> Iterator[_Followed]:
    before = worlds.of_requests(mix, lambda one: one)
    for hint in _hints(before, worlds, "max_tokens"):
        after = worlds.of_requests(mix, _limited(hint.team, hint.tokens))
        yield _followed(hint, hint.gpu_us / hint.used_us, before, after)


def _with_cache(mix: TrafficMix, worlds: ProofWorlds) -> Iterator[_Followed]:
    """The hint is the most that caching can save, so it is multiplied by what the cache then has."""
    before = worlds.of_requests(mix, lambda one: replace(one, shared=0))
    for hint in _hints(before, worlds, "prefix_caching"):
        after = worlds.of_requests(mix, _sharing(hint.team))
        own = _of_team(after, hint.team)
        cached = after.run.cached[own].sum() / _prompts(after)[own].sum()
        if cached:
            yield _followed(hint, hint.gpu_us / hint.used_us * cached, before, after)


def _followed(hint: Saving, said: float, before: ProofCase, after: ProofCase) -> _Followed:
    own = _of_team(before, hint.team)
    return _Followed(said, 1.0 - after.truth[own].sum() / before.truth[own].sum())


def _limited(team: str, tokens: int) -> Callable[[EngineRequest], EngineRequest]:
    return lambda one: replace(one, written=min(one.written, tokens)) if one.team == team else one


def _sharing(team: str) -> Callable[[EngineRequest], EngineRequest]:
    return lambda one: one if one.team == team else replace(one, shared=0)


def _hints(case: ProofCase, worlds: ProofWorlds, hint: str) -> list[Saving]:
    """As the product finds them, by what a proxy sees."""
    costs = worlds.costs(ROOFLINE)
    seen = case.seen()
    gpu_us = charged(seen, costs, "weighted_ps_v1").astype(np.int64)
    own: Floats = np.minimum(costs.prefill_us(seen.prompt, seen.cached), gpu_us)
    names, kind = np.unique([one.team for one in case.run.requests], return_inverse=True)
    one = np.ones(len(kind), dtype=np.int64)
    cells = UsedCells.of_exchanges(
        kind,
        seen.prompt,
        seen.written,
        one,
        seen.prompt,
        seen.cached,
        seen.written,
        gpu_us,
        own.astype(np.int64),
        one * 0,
    )
    kinds = [ExchangeKind(str(team), "", "", "completed", "[]", "reported") for team in names]
    used = UsedTime(kinds, cells, [], UsedHours.together(()), {}, "USD", 0)
    return [found for found in savings(used) if found.hint == hint]


def _of_team(case: ProofCase, team: str) -> np.ndarray:
    return np.array([one.team == team for one in case.run.requests])


def _prompts(case: ProofCase) -> Ints:
    return np.array([one.prompt for one in case.run.requests], dtype=np.int64)
