"""The scripts of the store do what the memory of a process does, on a real Valkey, at any time that a clock says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from extproc.domain.rate_limits import WINDOWS_NS
from extproc.exchange.limit_memory import LimitMemory
from extproc.rate_limits.scripts import RENEW, RESERVE, SETTLE
from extproc.rate_limits.shared import key_of
from tests.thorough import examples
from tests.tools.valkey import valkey
from tests.unit.exchange.limits import TOKENS, claim_of, compiled

START_US = 1_796_000_000_000_000
CLOCK = "redis.call('TIME')"


class Clocked:
    """The scripts at a time that is given, the last argument, in place of the store's own."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        told = "{ARGV[#ARGV], 0}"
        self._scripts = {
            script: client.register_script(script.replace(CLOCK, told).replace("time[1] * 1000000", "time[1]"))
            for script in (RESERVE, SETTLE, RENEW)
        }
        assert all(CLOCK in script for script in self._scripts)

    def reserve(
        self,
        now_us: int,
        *limits: tuple[int, ...],
        keys: list[str],
        lease: str = "lease",
        tier: tuple[int, str] = (0, ""),
    ) -> list[Any]:
        """Amount, limit, window [µs], burst, whether enforced: of each. Args: tier: its number, and all weights."""
        flat: list[int | str] = []
        for limit in limits:
            flat += (*limit, *tier)
        found: list[Any] = self._scripts[RESERVE](keys=keys, args=[lease, 60_000, *flat, START_US + now_us])
        return found

    def settle(self, now_us: int, key: str, change: int, limit: tuple[int, ...], mark: bytes | str) -> float:
        """Limit, window, debt. Returns: the level after it."""
        (level,) = self._scripts[SETTLE](keys=[key], args=[change, *limit, mark, START_US + now_us])
        return float(level or 0)

    def renew(self, now_us: int, key: str, lease: str) -> None:
        """Keep a lease."""
        self._scripts[RENEW](keys=[key], args=[lease, 60_000, START_US + now_us])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A store of this module."""
    with valkey(tmp_path_factory.mktemp("valkey")) as server, Redis.from_url(server.url) as client:
        yield client


@pytest.fixture
def scripts(store: Redis) -> Clocked:
    """On an empty store."""
    store.flushall()
    return Clocked(store)


MINUTE_US = 60_000_000
LIMIT = (6_000, MINUTE_US)
BURST, DEBT = 300, 360_000


def asked(amount: int, burst: int = BURST, enforced: int = 1) -> tuple[int, ...]:
    """6,000 tokens a minute: 100 a second."""
    return (amount, *LIMIT, burst, enforced)


def test_a_burst_and_then_the_limit(scripts: Clocked) -> None:
    """And what it says can be read: held, level, mark."""
    told = scripts.reserve(0, asked(300), keys=["a"])
    assert (told[0], told[1], float(told[2])) == (1, 1, 300.0)
    told = scripts.reserve(0, asked(1), keys=["a"])
    assert (told[0], told[1], float(told[2])) == (0, 0, 300.0)
    assert scripts.reserve(1_000_000, asked(100), keys=["a"])[0] == 1
    assert scripts.reserve(1_000_000, asked(1), keys=["a"])[0] == 0


def test_all_or_nothing(scripts: Clocked) -> None:
    """What one limit refuses moves no other."""
    assert scripts.reserve(0, asked(300), asked(300), keys=["a", "b"])[0] == 1
    assert scripts.reserve(0, asked(300), asked(1), keys=["c", "b"])[0] == 0
    assert scripts.reserve(0, asked(300), keys=["c"])[0] == 1


def test_a_limit_in_shadow_refuses_nothing(scripts: Clocked) -> None:
    """And reserves nothing that does not fit."""
    told = scripts.reserve(0, asked(400, enforced=0), asked(5), keys=["a", "b"])
    assert (told[0], told[1], float(told[2]), told[5]) == (1, 0, 0.0, 1)


def test_what_is_left_is_given_back_and_no_more(scripts: Clocked) -> None:
    """Not what time has paid off, nor under another key of the same name."""
    mark = scripts.reserve(0, asked(300), keys=["a"])[3]
    assert scripts.settle(0, "a", -200, (*LIMIT, DEBT), mark) == 100.0
    scripts.reserve(60_000_000, asked(300), keys=["a"])
    assert scripts.settle(60_000_000, "a", -300, (*LIMIT, DEBT), mark) == 300.0
    assert scripts.settle(60_000_000, "a", -300, (*LIMIT, DEBT), b"300 17") == 300.0
    assert scripts.settle(60_000_000, "a", -300, (*LIMIT, DEBT), b"") == 300.0


def test_a_debt_has_an_end(scripts: Clocked) -> None:
    """However much a server counts."""
    scripts.reserve(0, asked(300), keys=["a"])
    assert scripts.settle(0, "a", 200, (*LIMIT, DEBT), b"") == 500.0
    assert scripts.settle(0, "a", 10**12, (*LIMIT, DEBT), b"") == float(DEBT)


def test_a_level_that_is_written_often_is_paid_off_as_fast(scripts: Clocked) -> None:
    """Exchanges that cost nothing write it too: a level of six digits would stay where it was, for ever."""
    one_a_day = (1, 86_400_000_000, 10, 1)
    scripts.reserve(0, (10, *one_a_day), keys=["a"])
    for number in range(1, 101):
        told = scripts.reserve(number * 40_000, (0, *one_a_day), keys=["a"])
    assert abs(10 - float(told[2]) - 4 / 86_400) < 1e-6


def test_a_clock_that_steps_back_locks_nobody_out(scripts: Clocked) -> None:
    """Another server with another clock has taken over: nothing is paid off by the step, and time goes on."""
    scripts.reserve(3_600_000_000, asked(300), keys=["a"])
    assert scripts.reserve(0, asked(100), keys=["a"])[0] == 0
    assert scripts.reserve(1_000_000, asked(100), keys=["a"])[0] == 1


def test_keys_end_by_themselves(scripts: Clocked, store: Redis) -> None:
    """A second after they are paid off."""
    scripts.reserve(0, asked(300), keys=["a"])
    assert 3_900 < store.pttl("a") <= 4_000
    scripts.reserve(0, (1, 2, 0, 0, 1), keys=["b"])
    assert 59_000 < store.pttl("b") <= 60_000


def test_exchanges_at_a_time_are_leases(scripts: Clocked) -> None:
    """They end with the exchange, by themselves, or not while they are renewed."""
    two = (1, 2, 0, 0, 1)
    admitted = [scripts.reserve(0, two, keys=["a"], lease=lease)[0] for lease in ("one", "two", "three")]
    assert admitted == [1, 1, 0]
    scripts.settle(0, "a", 0, (2, 0, 0), "one")
    assert scripts.reserve(0, two, keys=["a"], lease="four")[0] == 1
    scripts.renew(50_000_000, "a", "two")
    told = scripts.reserve(70_000_000, two, keys=["a"], lease="five")
    assert (told[0], float(told[2])) == (1, 2.0)
    assert scripts.reserve(70_000_000, two, keys=["a"], lease="six")[0] == 0


STEPS = st.tuples(st.integers(0, 20), st.integers(1, 400), st.integers(0, 600), st.booleans())


@settings(max_examples=examples(30))
@given(
    steps=st.lists(STEPS, max_size=40),
    limit=st.integers(1, 1_000),
    burst=st.integers(1, 500),
    window=st.sampled_from(sorted(WINDOWS_NS)),
)
def test_the_store_decides_as_the_memory_does(
    steps: list[tuple[int, int, int, bool]], limit: int, burst: int, window: str, store: Redis
) -> None:
    """Any arrivals, any ends: the same requests are admitted, with the same levels up to the rounding of each."""
    store.flushall()
    scripts, memory = Clocked(store), LimitMemory()
    limits = compiled({**TOKENS, "limit": limit, "burst": burst, "window": window})
    rate, window_us = limits.limits[0].rate, WINDOWS_NS[window] // 1_000
    debt = rate.debt // rate.interval
    running: list[tuple[Any, bytes, int]] = []
    now_us = 0
    for step, amount, used, ends in steps:
        now_us += step * window_us // 10
        claim = claim_of(limits, amount)
        memory.reserve(claim, now_us * 1_000)
        told = scripts.reserve(now_us, (amount, limit, window_us, burst, 1), keys=["a"])
        one = claim.limits[0]
        if (claim.refusal is None) != bool(told[0]):  # it fits by a hair, which is rounded in two ways
            room = burst - float(told[2]) - (0 if told[0] else amount)
            assert abs(room) < 0.001
            return
        assert abs(one.ahead / rate.interval - float(told[2])) < 0.001
        if told[0]:
            running.append((claim, told[3], amount))
        if ends and running:
            claim, mark, amount = running.pop(used % len(running))
            claim.limits[0].used = used
            memory.settle(claim, now_us * 1_000)
            if used != amount:
                scripts.settle(now_us, "a", used - amount, (limit, window_us, debt), mark)


def test_a_name_in_the_store_tells_nobody() -> None:
    """All in one slot of a cluster."""
    assert key_of("team\0search").startswith("llm-extproc:{limits}:")
    assert "search" not in key_of("team\0search")
    assert key_of("a\0b") != key_of("a\0c")


TIERS = {"gold": 4, "silver": 2, "bronze": 1}
ASKED = st.tuples(st.integers(0, 4_000), st.sampled_from([*TIERS, "tin"]), st.integers(1, 400), st.integers(0, 400))


@settings(max_examples=examples(30))
@given(st.lists(ASKED, max_size=50))
def test_tiers_share_in_the_store_as_in_the_memory(store: Redis, steps: list[tuple[int, str, int, int]]) -> None:
    """Whoever asks, whatever is used: the same requests are admitted."""
    store.flushall()
    scripts, memory = Clocked(store), LimitMemory()
    limits = compiled({**TOKENS, "tiers": TIERS})
    numbers = {"gold": 1, "silver": 2, "bronze": 3}
    now_us = 0
    for wait_ms, tier, amount, used in steps:
        now_us += wait_ms * 1_000
        claim = claim_of(limits, amount, tier=tier)
        memory.reserve(claim, now_us * 1_000)
        told = scripts.reserve(now_us, asked(amount), keys=["a"], tier=(numbers.get(tier, 0), "4,2,1"))
        if (claim.refusal is None) != bool(told[0]):  # it fits by a hair, which is rounded in two ways
            wait_ns = 0 if claim.refusal is None else claim.refusal.wait_ns
            assert min(abs(int(told[4])), wait_ns // 1_000) <= 10
            return
        one = claim.limits[0]
        assert abs(one.ahead / one.limit.rate.interval - float(told[2])) < 0.01
        if told[0] and used % 3 == 0:
            one.used = used
            memory.settle(claim, now_us * 1_000)
            if used != amount:
                scripts.settle(now_us, "a", used - amount, (*LIMIT, DEBT), told[3])
