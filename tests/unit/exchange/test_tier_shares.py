"""Tiers share a saturated limit by their weights, borrow what others leave, and none starves: in a simulation."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.exchange.limit_memory import LimitMemory
from tests.unit.exchange.limits import S_NS, TOKENS, claim_of, compiled

WEIGHTS = {"gold": 4, "silver": 2, "bronze": 1}
LIMIT: dict[str, Any] = {**TOKENS, "limit": 10_000, "burst": 2_000, "window": "second", "tiers": WEIGHTS}
FASTEST_S, SLOWEST_S = 0.04, 0.5


class Clients(NamedTuple):
    """Those of a tier: each asks for so many tokens, and a refused one asks again after what it is told, or sooner.

    ``asks``: whether they do, at a time [s].
    """

    clients: int
    tokens: int
    asks: Callable[[float], bool] = lambda _: True
    pause_s: float = 0.05


def simulated(tiers: Mapping[str, Clients], seconds: float, from_s: float = 3.0) -> dict[str, float]:
    """The share of the limit that each tier gets, from a time on when it is saturated."""
    chance, memory, limits = random.Random(7), LimitMemory(), compiled(LIMIT)
    waiting = [(chance.random() / 10, number, tier) for tier, one in tiers.items() for number in range(one.clients)]
    heapq.heapify(waiting)
    got: Counter[str] = Counter()
    while waiting[0][0] < seconds:
        now_s, number, tier = heapq.heappop(waiting)
        one = tiers[tier]
        again_s = one.pause_s * (0.5 + chance.random())
        if one.asks(now_s):
            claim = claim_of(limits, one.tokens, tier=tier)
            memory.reserve(claim, round(now_s * S_NS))
            if claim.refusal is None:
                got[tier] += one.tokens if now_s >= from_s else 0
            else:
                again_s = min(max(claim.refusal.wait_ns / S_NS, FASTEST_S), SLOWEST_S)
        heapq.heappush(waiting, (now_s + again_s, number, tier))
    return {tier: got[tier] / (10_000 * (seconds - from_s)) for tier in tiers}


def test_all_at_saturation_get_their_weights() -> None:
    """However many clients each tier has, and however large their requests are."""
    shares = simulated({"gold": Clients(20, 50), "silver": Clients(20, 50), "bronze": Clients(20, 50)}, 15)
    assert shares == pytest.approx({"gold": 4 / 7, "silver": 2 / 7, "bronze": 1 / 7}, abs=0.03)
    shares = simulated({"gold": Clients(10, 100), "silver": Clients(40, 20), "bronze": Clients(80, 30)}, 15)
    assert shares == pytest.approx({"gold": 4 / 7, "silver": 2 / 7, "bronze": 1 / 7}, abs=0.03)


def test_what_an_idle_tier_leaves_is_borrowed() -> None:
    """By the weights of those that ask, and all of it."""
    shares = simulated(
        {"gold": Clients(20, 50, lambda _: False), "silver": Clients(20, 50), "bronze": Clients(20, 50)}, 30
    )
    assert shares == pytest.approx({"gold": 0, "silver": 2 / 3, "bronze": 1 / 3}, abs=0.03)
    alone = simulated({"bronze": Clients(20, 50)}, 10)
    assert alone["bronze"] == pytest.approx(1, abs=0.01)


def test_what_a_tier_needs_less_of_is_borrowed() -> None:
    """Gold asks for a tenth of the limit: it gets that, and nothing stays unused."""
    few = Clients(10, 50, pause_s=0.5)
    shares = simulated({"gold": few, "silver": Clients(20, 50), "bronze": Clients(20, 50)}, 15)
    assert shares["gold"] == pytest.approx(0.1, abs=0.02)
    assert sum(shares.values()) == pytest.approx(1, abs=0.01)
    assert shares["bronze"] > 1 / 7 - 0.02


def test_a_tier_that_comes_back_has_its_share_at_once() -> None:
    """Though others have borrowed all of it until now."""

    def back(now_s: float) -> bool:
        return now_s >= 6

    shares = simulated(
        {"gold": Clients(20, 50, back), "bronze": Clients(40, 50)},
        9,
        from_s=6,
    )
    assert shares == pytest.approx({"gold": 4 / 5, "bronze": 1 / 5}, abs=0.08)


def test_a_tier_that_is_not_listed_has_the_weight_of_one() -> None:
    """All of those together."""
    shares = simulated({"gold": Clients(20, 50), "tin": Clients(20, 50), "lead": Clients(20, 50)}, 15)
    assert shares["gold"] == pytest.approx(4 / 5, abs=0.03)
    assert shares["tin"] + shares["lead"] == pytest.approx(1 / 5, abs=0.03)


def test_who_asks_rarely_does_not_starve() -> None:
    """One client of the smallest tier among a hundred others."""
    shares = simulated({"gold": Clients(100, 50), "bronze": Clients(1, 50, pause_s=1.0)}, 20)
    assert shares["bronze"] * 10_000 >= 0.8 * 50  # about one request a second


STEP = st.tuples(st.integers(0, 300), st.sampled_from(["gold", "silver", "bronze", "tin"]), st.integers(1, 2_500))


@given(st.lists(STEP, max_size=60))
def test_together_they_never_hold_more_than_limit_and_burst(steps: list[tuple[int, str, int]]) -> None:
    """Whatever arrives; and a limit that is idle admits its burst to anybody."""
    memory, limits = LimitMemory(), compiled(LIMIT)
    admitted: list[tuple[int, int]] = []
    now_ns = 0
    for wait_ms, tier, tokens in steps:
        now_ns += wait_ms * 1_000_000
        claim = claim_of(limits, tokens, tier=tier)
        memory.reserve(claim, now_ns)
        if claim.refusal is None:
            admitted.append((now_ns, tokens))
        else:
            assert (claim.refusal.wait_ns == 0) == (tokens > 2_000)
    for start, _ in admitted:
        assert sum(tokens for at, tokens in admitted if start <= at <= start + S_NS) <= 10_000 + 2_000


def test_a_refused_request_fits_after_its_wait() -> None:
    """If nobody else comes."""
    memory, limits = LimitMemory(), compiled(LIMIT)
    for tier in ("bronze", "gold") * 50:
        refused = claim_of(limits, 100, tier=tier)
        memory.reserve(refused, 0)
        if refused.refusal is not None:
            break
    assert refused.refusal is not None
    again = claim_of(limits, 100, tier=refused.limits[0].tier)
    memory.reserve(again, refused.refusal.wait_ns)
    assert again.refusal is None


def test_what_a_tier_did_not_use_is_given_back_to_its_share() -> None:
    """Else estimates would count against it for ever."""
    memory, limits = LimitMemory(), compiled(LIMIT)
    first = [claim_of(limits, 500, tier="bronze") for _ in range(2)]
    for claim in first:
        memory.reserve(claim, 0)
        assert claim.refusal is None
    for claim in first:
        claim.limits[0].used = 0
        memory.settle(claim, 0)
    again = claim_of(limits, 2_000, tier="bronze")
    memory.reserve(again, 0)
    assert again.refusal is None
