"""Limits that are counted here: compared with a plain model of a bucket, and with the promise of each window."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.rate_limits import WINDOWS_NS
from extproc.domain.usage import Usage
from extproc.exchange import limit_accounts
from extproc.exchange.claims import BUSY_WAIT_NS, Claim, ClaimStatus
from extproc.exchange.limit_memory import LimitMemory
from tests.unit.exchange.limits import AT_A_TIME, REQUESTS, S_NS, TOKENS, claim_of, compiled

WINDOWS = sorted(WINDOWS_NS)


def reserved(memory: LimitMemory, claim: Claim, now_ns: int) -> bool:
    """Whether a claim is admitted."""
    assert memory.reserve(claim, now_ns)
    assert (claim.refusal is None) == (claim.status is ClaimStatus.HELD)
    return claim.refusal is None


def wait_ns(claim: Claim) -> int:
    """What a refused client is told."""
    assert claim.refusal is not None
    return claim.refusal.wait_ns


def settled(memory: LimitMemory, claim: Claim, tokens: int, now_ns: int) -> None:
    """The exchange has used these tokens."""
    claim.use(Usage(tokens, 0), None)
    memory.settle(claim, now_ns)


# --- requests ------------------------------------------------------------------------------------------------------


def test_a_burst_is_admitted_at_once_and_then_the_limit() -> None:
    """Three, then one a second; the wait is exact."""
    memory, limits = LimitMemory(), compiled(REQUESTS)
    assert [reserved(memory, claim_of(limits), 5) for _ in range(4)] == [True, True, True, False]
    refused = claim_of(limits)
    assert not reserved(memory, refused, S_NS // 4)
    wait = wait_ns(refused)
    assert not reserved(memory, claim_of(limits), S_NS // 4 + wait - 1)
    assert reserved(memory, claim_of(limits), S_NS // 4 + wait)
    assert abs(wait - 3 * S_NS // 4) < 10


@given(st.lists(st.integers(0, 3 * S_NS), max_size=60), st.integers(1, 50), st.integers(1, 10))
def test_it_admits_what_a_bucket_of_fractions_admits(steps: list[int], limit: int, burst: int) -> None:
    """A bucket that fills by the limit, up to the burst. Near a whole unit a tick may decide, so times are as drawn."""
    memory, limits = LimitMemory(), compiled({**REQUESTS, "limit": limit, "burst": burst, "window": "second"})
    level, then, now = Fraction(burst), 0, 0
    for step in steps:
        now += step
        level = min(Fraction(burst), level + Fraction((now - then) * limit, S_NS))
        then = now
        is_near = abs(level - 1) < Fraction(1, 10**6)
        admitted = reserved(memory, claim_of(limits), now)
        assert is_near or admitted == (level >= 1)
        if admitted:
            level -= 1


@given(
    arrivals=st.lists(
        st.tuples(st.integers(0, 20), st.integers(1, 400), st.integers(0, 500), st.booleans()), max_size=50
    ),
    limit=st.integers(1, 1_000),
    burst=st.integers(1, 500),
    window=st.sampled_from(WINDOWS),
)
def test_no_window_admits_more_than_limit_and_burst(
    arrivals: list[tuple[int, int, int, bool]], limit: int, burst: int, window: str
) -> None:
    """Whatever arrives, in any order of ends: what is used of what was reserved in a window."""
    window_ns = WINDOWS_NS[window]
    memory = LimitMemory()
    limits = compiled({**TOKENS, "limit": limit, "burst": burst, "window": window})
    running: list[tuple[int, int, Claim]] = []
    admitted: list[tuple[int, int]] = []
    now = 0
    for step, amount, used, ends in arrivals:
        now += step * window_ns // 10
        claim = claim_of(limits, amount)
        if reserved(memory, claim, now):
            running.append((now, amount, claim))
        if ends and running:
            began, amount, claim = running.pop(used % len(running))
            settled(memory, claim, min(used, amount), now)
            admitted.append((began, min(used, amount)))
    admitted += [(began, amount) for began, amount, _ in running]
    for start in {began for began, _ in admitted}:
        inside = sum(used for began, used in admitted if start <= began <= start + window_ns)
        assert inside <= limit + burst


# --- tokens: reserved, and settled ---------------------------------------------------------------------------------


def test_what_is_not_used_is_given_back() -> None:
    """And can be reserved again at once."""
    memory, limits = LimitMemory(), compiled(TOKENS)
    claim = claim_of(limits, 300)
    assert reserved(memory, claim, 0)
    assert not reserved(memory, claim_of(limits, 200), 0)
    settled(memory, claim, 100, 0)
    assert reserved(memory, claim_of(limits, 200), 0)
    assert not reserved(memory, claim_of(limits, 1), 0)


def test_more_than_was_reserved_is_a_debt() -> None:
    """It is paid off by the limit: 100 tokens a second."""
    memory, limits = LimitMemory(), compiled(TOKENS)
    claim = claim_of(limits, 300)
    assert reserved(memory, claim, 0)
    settled(memory, claim, 500, 0)
    refused = claim_of(limits, 1)
    assert not reserved(memory, refused, 0)
    assert abs(wait_ns(refused) - 2.01 * S_NS) < 10_000
    assert reserved(memory, claim_of(limits, 1), wait_ns(refused))


def test_a_count_that_no_model_makes_blocks_for_an_hour_at_most() -> None:
    """A server that counts wrong once does not end the service of its team."""
    memory, limits = LimitMemory(), compiled(TOKENS)
    claim = claim_of(limits, 1)
    assert reserved(memory, claim, 0)
    settled(memory, claim, 10**12, 0)
    refused = claim_of(limits, 1)
    assert not reserved(memory, refused, 0)
    assert wait_ns(refused) <= 3_600 * S_NS


def test_a_claim_that_time_has_paid_off_gives_nothing_back() -> None:
    """Else what others have reserved since would be admitted twice."""
    memory, limits = LimitMemory(), compiled(TOKENS)
    old = claim_of(limits, 300)
    assert reserved(memory, old, 0)
    new = claim_of(limits, 300)
    assert reserved(memory, new, 60 * S_NS)
    settled(memory, old, 0, 60 * S_NS)
    assert not reserved(memory, claim_of(limits, 1), 60 * S_NS)
    settled(memory, new, 0, 60 * S_NS)
    assert reserved(memory, claim_of(limits, 300), 60 * S_NS)


def test_a_claim_is_settled_once() -> None:
    """However often its exchange ends."""
    memory, limits = LimitMemory(), compiled(TOKENS)
    first, second = claim_of(limits, 100), claim_of(limits, 200)
    assert reserved(memory, first, 0)
    assert reserved(memory, second, 0)
    for _ in range(3):
        settled(memory, first, 0, 0)
    assert not reserved(memory, claim_of(limits, 101), 0)
    assert reserved(memory, claim_of(limits, 100), 0)


def test_a_request_larger_than_the_burst_is_told_no_time() -> None:
    """It will never fit."""
    memory, limits = LimitMemory(), compiled(TOKENS)
    claim = claim_of(limits, 301)
    assert not reserved(memory, claim, 0)
    assert wait_ns(claim) == 0
    assert claim.refusal is not None
    assert claim.refusal.amount == 301


def test_a_clock_that_steps_back_forgives_nothing_and_refuses_no_longer() -> None:
    """A step may have taken its time before it was waiting for a thread."""
    memory, limits = LimitMemory(), compiled(REQUESTS)
    for _ in range(3):
        assert reserved(memory, claim_of(limits), 10 * S_NS)
    assert not reserved(memory, claim_of(limits), 9 * S_NS)
    assert reserved(memory, claim_of(limits), 11 * S_NS)


# --- several limits ------------------------------------------------------------------------------------------------


def test_all_is_reserved_or_nothing() -> None:
    """A request that has no room in one limit takes nothing of the others."""
    memory, limits = LimitMemory(), compiled(REQUESTS, TOKENS)
    assert reserved(memory, claim_of(limits, 300), 0)
    for _ in range(5):
        assert not reserved(memory, claim_of(limits, 1), 0)
    assert reserved(memory, claim_of(limits, 1), 2 * S_NS)


def test_of_several_that_refuse_the_longest_wait_is_told() -> None:
    """After it, all have room."""
    memory = LimitMemory()
    limits = compiled({**REQUESTS, "burst": 1}, {**TOKENS, "limit": 60})
    assert reserved(memory, claim_of(limits, 300), 0)
    refused = claim_of(limits, 10)
    assert not reserved(memory, refused, 0)
    assert refused.refusal is not None
    assert refused.refusal.limit.name == "tokens"
    assert reserved(memory, claim_of(limits, 10), refused.refusal.wait_ns)


def test_keys_do_not_know_each_other() -> None:
    """Where a limit is `per` team."""
    memory, limits = LimitMemory(), compiled({**REQUESTS, "burst": 1, "per": ["team"]})
    assert reserved(memory, claim_of(limits, team="search"), 0)
    assert not reserved(memory, claim_of(limits, team="search"), 0)
    assert reserved(memory, claim_of(limits, team="support"), 0)


def test_a_limit_in_shadow_counts_and_refuses_nothing() -> None:
    """What it would refuse takes nothing of it, as if it had."""
    memory, limits = LimitMemory(), compiled({**REQUESTS, "burst": 1, "mode": "shadow"})
    first, second = claim_of(limits), claim_of(limits)
    assert reserved(memory, first, 0)
    assert reserved(memory, second, 0)
    assert (first.shadow_refused, second.shadow_refused) == ((), ("requests",))
    third = claim_of(limits)
    assert reserved(memory, third, S_NS + 1_000)
    assert third.shadow_refused == ()


# --- exchanges at a time -------------------------------------------------------------------------------------------


def test_exchanges_at_a_time_are_freed_by_their_end() -> None:
    """Two run; who comes third is told to try soon."""
    memory, limits = LimitMemory(), compiled(AT_A_TIME)
    first, second, third = claim_of(limits), claim_of(limits), claim_of(limits)
    assert reserved(memory, first, 0)
    assert reserved(memory, second, 0)
    assert not reserved(memory, third, 10**15)
    assert wait_ns(third) == BUSY_WAIT_NS
    memory.settle(first, 10**15)
    memory.settle(first, 10**15)
    assert reserved(memory, claim_of(limits), 10**15)
    assert not reserved(memory, claim_of(limits), 10**15)


# --- early, and in parts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [{**REQUESTS, "burst": 1}, {**TOKENS, "burst": 1}, {**AT_A_TIME, "limit": 1}])
def test_a_full_limit_is_known_before_anything_is_reserved(limit: dict[str, Any]) -> None:
    """And no claim is counted by asking."""
    memory, limits = LimitMemory(), compiled(limit)
    claim = claim_of(limits, 1)
    assert not memory.is_full(claim, 0)
    assert reserved(memory, claim, 0)
    late = claim_of(limits, 1)
    assert memory.is_full(late, 0)
    memory.judge(late, 0)
    assert (late.status, len(memory)) == (ClaimStatus.REFUSED, 1)


def test_a_request_that_reserved_nothing_counts_as_one() -> None:
    """A guard refused it."""
    memory, limits = LimitMemory(), compiled(REQUESTS, TOKENS)
    for _ in range(3):
        memory.charge(claim_of(limits, 100), 0)
    assert memory.is_full(claim_of(limits, 1), 0)
    assert reserved(memory, claim_of(limits, 300), S_NS + 1_000)


def test_workers_share_a_limit() -> None:
    """Four admit together what one would; a request that is larger than a part's burst fits if nothing is owed."""
    limits = compiled({**TOKENS, "limit": 400, "burst": 400}, server={"workers": 4})
    parts = [LimitMemory() for _ in range(limits.parts)]
    for part in parts:
        part.keep(limits.limits, limits.parts)
    assert sum(reserved(part, claim_of(limits, 10), 0) for part in parts for _ in range(40)) == 40
    assert sum(reserved(part, claim_of(limits, 10), 60 * S_NS) for part in parts for _ in range(40)) == 40
    assert reserved(parts[0], claim_of(limits, 400), 600 * S_NS)
    assert not reserved(parts[0], claim_of(limits, 1), 600 * S_NS)


def test_workers_share_the_exchanges_at_a_time() -> None:
    """Each has its part, and at least one."""
    limits = compiled({**AT_A_TIME, "limit": 8}, server={"workers": 4})
    memory = LimitMemory(parts=4)
    assert [reserved(memory, claim_of(limits), 0) for _ in range(3)] == [True, True, False]
    crowded = LimitMemory(parts=64)
    assert [reserved(crowded, claim_of(limits), 0) for _ in range(2)] == [True, False]


# --- how much is kept ----------------------------------------------------------------------------------------------


def test_keys_that_are_paid_off_are_forgotten() -> None:
    """A million users a day leave nothing behind."""
    memory, limits = LimitMemory(), compiled({**REQUESTS, "per": ["team"]})
    for number in range(1_000):
        assert reserved(memory, claim_of(limits, team=f"team-{number}"), number * 10 * S_NS)
    assert len(memory) < 5


def test_more_keys_than_are_kept_share_a_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until others are paid off: a flood of names neither fills the memory nor opens the limit."""
    monkeypatch.setattr(limit_accounts, "KEYS_MAX", 10)
    memory, limits = LimitMemory(), compiled({**REQUESTS, "per": ["team"]})
    admitted = [reserved(memory, claim_of(limits, team=f"team-{number}"), 0) for number in range(100)]
    assert (sum(admitted), len(memory)) == (10 + 3, 11)
    assert reserved(memory, claim_of(limits, team="team-99"), 60 * S_NS)


def test_what_was_forgotten_gives_nothing_back() -> None:
    """A claim of an account that was paid off and is open again."""
    memory, limits = LimitMemory(), compiled({**TOKENS, "per": ["team"]})
    old = claim_of(limits, 300)
    assert reserved(memory, old, 0)
    for number in range(5):
        assert reserved(memory, claim_of(limits, 1, team=f"team-{number}"), 100 * S_NS)
    new = claim_of(limits, 300)
    assert reserved(memory, new, 100 * S_NS)
    settled(memory, old, 0, 100 * S_NS)
    assert not reserved(memory, claim_of(limits, 1), 100 * S_NS)


def test_limits_that_are_gone_are_forgotten() -> None:
    """Those that stay keep their counts over a reload."""
    memory, limits = LimitMemory(), compiled({**REQUESTS, "burst": 1}, TOKENS)
    assert reserved(memory, claim_of(limits, 5), 0)
    memory.keep(compiled({**REQUESTS, "burst": 1}).limits, 1)
    assert len(memory) == 1
    assert memory.is_full(claim_of(limits, 1), 0)
