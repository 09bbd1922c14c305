"""Limits in a real store that several processors share; what is done while it is gone; what is given back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from extproc.exchange.claims import ClaimStatus
from extproc.rate_limits import shared as module
from extproc.rate_limits.shared import key_of
from tests.tools.valkey import Valkey, valkey
from tests.unit.exchange.limits import AT_A_TIME, REQUESTS, TOKENS, claim_of, compiled
from tests.unit.rate_limits.sharing import Processor, is_there, limits_of, processors, until
from tests.unit.server.loops import in_loop

SECRET = "hunter2"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A store that nobody kills."""
    with valkey(tmp_path_factory.mktemp("valkey")) as found:
        yield found


@pytest.fixture
def store(server: Valkey) -> Valkey:
    """Empty."""
    with Redis.from_url(server.url) as client:
        client.flushall()
    return server


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Valkey]:
    """A store for one test, which may kill it."""
    with valkey(tmp_path) as found:
        yield found


DAY = {**REQUESTS, "limit": 1, "window": "day", "burst": 10}
BIG = {**TOKENS, "limit": 1, "window": "day", "burst": 1_000}


@in_loop
async def test_processors_admit_together_what_one_would(store: Valkey) -> None:
    """Ten, whoever asks, and however many ask at once."""
    async with processors(4, limits_of(store, DAY)) as all_of_them:
        admitted = await asyncio.gather(*(one.admits() for one in all_of_them for _ in range(10)))
        assert sum(admitted) == 10
        assert not any(one.meter.errors or one.meter.alone for one in all_of_them)


@in_loop
async def test_calls_share_round_trips(store: Valkey) -> None:
    """A loaded processor does not make one for each."""
    async with processors(1, limits_of(store, DAY, BIG)) as (one,):
        await asyncio.gather(*(one.asks() for _ in range(200)))
        assert len(one.meter.round_trips) < 20


@in_loop
async def test_what_is_left_is_given_back_to_all(store: Valkey) -> None:
    """And a debt is everybody's."""
    async with processors(2, limits_of(store, BIG)) as (one, other):
        claim = await one.asks(1_000)
        assert not await other.admits(500)
        one.ends(claim, 500)
        await until_admitted(other, 500)
        assert not await one.admits(10)
        claim = (await asyncio.gather(other.asks(0)))[0]
        other.ends(claim, 5)
        assert claim.status is ClaimStatus.HELD


async def until_admitted(processor: Processor, tokens: int) -> None:
    """A settlement is on its way."""
    while not await processor.admits(tokens):
        await asyncio.sleep(0.005)


@in_loop
async def test_a_full_limit_is_known_here_without_asking(store: Valkey) -> None:
    """For a moment; what another processor gives back is seen at the next question."""
    async with processors(2, limits_of(store, {**DAY, "burst": 1})) as (one, other):
        assert await other.admits()
        assert not one.shared.is_full(claim_of(one.limits), time.monotonic_ns())
        refused = await one.asks()
        assert refused.refusal is not None
        late = claim_of(one.limits)
        now_ns = time.monotonic_ns()
        assert one.shared.is_full(late, now_ns)
        one.shared.judge(late, now_ns)
        assert late.status is ClaimStatus.REFUSED
        assert late.refusal is not None
        assert abs(late.refusal.wait_ns - refused.refusal.wait_ns) < 60_000_000_000
        assert not one.shared.is_full(claim_of(one.limits), now_ns + module.KNOWN_NS_MAX + 1)


@in_loop
async def test_a_refusal_says_which_limit_and_when(store: Valkey) -> None:
    """As one that was decided here, with what is left for the headers."""
    async with processors(1, limits_of(store, {**REQUESTS, "burst": 1}, {**TOKENS, "mode": "shadow"})) as (one,):
        first, second = await one.asks(300), await one.asks(300)
        assert first.shadow_refused == ()
        assert second.refusal is not None
        assert second.refusal.limit.name == "requests"
        assert 0 < second.refusal.wait_ns <= 1_000_000_000
        assert second.shadow_refused == ("tokens",)
        assert 0 < second.limits[0].ahead <= second.limits[0].limit.rate.burst


@in_loop
async def test_a_request_that_a_guard_refused_counts(store: Valkey) -> None:
    """It is told later."""
    async with processors(1, limits_of(store, {**DAY, "burst": 2})) as (one,):
        for _ in range(2):
            one.shared.charge(claim_of(one.limits), time.monotonic_ns())
        while await one.admits():
            await asyncio.sleep(0.005)


@in_loop
async def test_exchanges_at_a_time_are_freed_by_their_end(store: Valkey) -> None:
    """Of whichever processor."""
    async with processors(2, limits_of(store, AT_A_TIME)) as (one, other):
        first, second = await one.asks(), await other.asks()
        assert not await one.admits()
        other.ends(second, 0)
        await until_admitted(one, 1)
        assert (first.status, first.limits[0].ahead) == (ClaimStatus.HELD, 1)


@in_loop
async def test_a_lease_is_renewed_while_its_exchange_runs(store: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    """And ends with its process."""
    monkeypatch.setattr(module, "LEASE_S", 1)
    monkeypatch.setattr(module, "RENEW_S", 0.1)
    async with processors(2, limits_of(store, {**AT_A_TIME, "limit": 1})) as (one, other):
        assert await one.admits()
        ends_s = time.monotonic() + 1.5
        while time.monotonic() < ends_s:
            assert not await other.admits()
            await asyncio.sleep(0.05)
        assert one.shared._renewing is not None
        one.shared._renewing.cancel()
        await until_admitted(other, 1)


# --- a store that is gone ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "admitted"), [("local_share", 5), ("open", 20), ("closed", 0)])
def test_without_a_store_the_policy_decides(store: Valkey, policy: str, admitted: int) -> None:
    """At the start too; the part of one of two replicas is five of ten."""

    @in_loop
    async def run() -> None:
        nowhere = store.url.replace(str(store.port), "1").replace("redis://", f"redis://user:{SECRET}@")
        limits = limits_of(store, DAY, store=nowhere, on_store_loss=policy, replicas=2)
        async with processors(1, limits, there=False) as (one,):
            claims = [await one.asks() for _ in range(20)]
            assert sum(claim.status is not ClaimStatus.REFUSED for claim in claims) == admitted
            assert all(claim.is_unavailable == (policy == "closed") for claim in claims)
            assert one.meter.alone == [policy] * 20
            await until(lambda: bool(one.meter.errors))
            assert one.meter.errors == ["lost"]
            assert policy in one.log.lines[0]
            assert SECRET not in str(one.log.lines)

    run()


@in_loop
async def test_a_store_that_is_killed_and_comes_back_is_used_again(own: Valkey) -> None:
    """What it knew is lost: a burst more is admitted. It is told once each way."""
    async with processors(1, limits_of(own, DAY)) as (one,):
        assert sum([await one.admits() for _ in range(20)]) == 10
        own.kill()
        await until(lambda: not is_there(one))
        assert sum([await one.admits() for _ in range(20)]) == 10
        own.start()
        await until(lambda: is_there(one))
        assert sum([await one.admits() for _ in range(20)]) == 10
        assert one.meter.errors.count("lost") >= 1
        assert [line.split(" {")[0] for line in one.log.lines] == [
            "rate limit store found",
            "rate limit store lost",
            "rate limit store found",
        ]


@in_loop
async def test_a_store_that_is_late_is_not_waited_for(own: Valkey) -> None:
    """One request waits for the deadline; those that follow do not. What it reserves afterwards is given back."""
    limits = limits_of(own, {**DAY, "burst": 4}, store_wait_ms_max=50, on_store_loss="open")
    async with processors(1, limits) as (one,):
        await until_admitted(one, 1)
        own.freeze()
        claim = await one.asks()
        assert claim.status is ClaimStatus.UNCOUNTED
        started_s = time.monotonic()
        for _ in range(100):
            assert (await one.asks()).status is ClaimStatus.UNCOUNTED
        assert time.monotonic() - started_s < 2
        assert one.meter.errors[0] == "deadline"
        own.thaw()
        await until(lambda: is_there(one))
        client = Redis.from_url(own.url)
        key = key_of(claim.limits[0].key)
        await until(lambda: float(str(client.get(key)).strip("b'").split()[0]) < 1.5)
        assert sum([await one.admits() for _ in range(9)]) == 3


@in_loop
async def test_what_is_admitted_while_the_store_is_late_is_told_to_it(own: Valkey) -> None:
    """Else a store that is late now and then would let each process admit its part a second time."""
    limits = limits_of(own, {**DAY, "burst": 6}, store_wait_ms_max=50, replicas=2)
    async with processors(2, limits) as (one, other):
        own.freeze()
        claims = [await one.asks() for _ in range(4)]
        assert [claim.status for claim in claims] == [ClaimStatus.HELD] * 3 + [ClaimStatus.REFUSED]
        own.thaw()
        await until(lambda: is_there(one) and is_there(other))
        for claim in claims[:3]:
            one.ends(claim, 1)
        client = Redis.from_url(own.url)
        key = key_of(claims[0].limits[0].key)
        await until(lambda: 2.9 < float(str(client.get(key) or "0").strip("b'").split()[0]) < 3.1)
        assert sum([await other.admits() for _ in range(6)]) == 3


@in_loop
async def test_a_client_that_leaves_meanwhile_takes_nothing(own: Valkey) -> None:
    """Its question is on its way, and cannot be called back."""
    async with processors(1, limits_of(own, BIG, store_wait_ms_max=1_000)) as (one,):
        own.freeze()
        claim = claim_of(one.limits, 900)
        assert not one.shared.reserve(claim, time.monotonic_ns())
        asking = asyncio.ensure_future(one.shared.ask(claim))
        await asyncio.sleep(0.05)
        asking.cancel()
        one.ends(claim, 0)
        own.thaw()
        await until_admitted(one, 1_000)


@in_loop
async def test_a_store_that_refuses_to_write_is_as_one_that_is_gone(own: Valkey) -> None:
    """It is out of memory, or a replica that is read-only: counted by its reason."""
    async with processors(1, limits_of(own, DAY, on_store_loss="closed")) as (one,):
        client = Redis.from_url(own.url)
        client.config_set("maxmemory", "1")
        claim = await one.asks()
        assert claim.is_unavailable
        assert "refused" in one.meter.errors
        client.config_set("maxmemory", "0")
        assert await one.admits()


@in_loop
async def test_scripts_that_the_store_has_forgotten_are_sent_again(store: Valkey) -> None:
    """After `SCRIPT FLUSH`, as after a failover."""
    async with processors(1, limits_of(store, DAY)) as (one,):
        assert await one.admits()
        with Redis.from_url(store.url) as client:
            client.script_flush()
        assert await one.admits()
        assert one.meter.alone == []


@in_loop
async def test_a_reload_may_name_another_store(store: Valkey, own: Valkey) -> None:
    """Or none any more."""
    async with processors(1, limits_of(store, DAY)) as (one,):
        assert sum([await one.admits() for _ in range(20)]) == 10
        one.limits = limits_of(own, DAY)
        one.shared.configure(one.limits)
        await until(lambda: is_there(one))
        assert sum([await one.admits() for _ in range(20)]) == 10
        one.limits = compiled(DAY)
        one.shared.configure(one.limits)
        assert sum([await one.admits() for _ in range(20)]) == 10
        assert not is_there(one)


@in_loop
async def test_settlements_that_wait_are_bounded(own: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    """And those that are dropped are counted: their reservations end by themselves."""
    monkeypatch.setattr("extproc.rate_limits.store.WAITING_MAX", 3)
    async with processors(1, limits_of(own, BIG)) as (one,):
        claims = [await one.asks(10) for _ in range(5)]
        for claim in claims:
            one.ends(claim, 5)
        assert one.meter.errors == ["dropped"] * 2
