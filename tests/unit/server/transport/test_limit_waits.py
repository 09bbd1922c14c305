"""A request that waits for the store of its limits, on both transports; and for verdicts at the same time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from extproc.domain.record import ExchangeRecord, Outcome
from extproc.exchange.claims import Claim, ClaimStatus
from extproc.rate_limits.local import LocalLimits
from tests.unit.server.clients import say
from tests.unit.server.envoy import request_body, request_headers, response_body, response_headers, snapshot
from tests.unit.server.loops import in_loop, until
from tests.unit.server.transport.test_transports import listen, serving, transport  # noqa: F401  # fixtures
from tests.unit.server.transport.test_verdicts import CONFIG, FakeJudge

LIMITS = "rate_limits: { limits: [{ name: one, of: requests, limit: 1, window: day, burst: BURST }] }\n"


class FakeStore(LocalLimits):
    """Decides when it is told to, as the memory would."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Claim] = []
        self.settled: list[Claim] = []
        self.let_go = asyncio.Event()
        self.given_up = 0

    def is_full(self, claim: Claim, now_ns: int) -> bool:
        """Nothing is known here."""
        return False

    def reserve(self, claim: Claim, now_ns: int) -> bool:
        """It must be asked."""
        claim.status = ClaimStatus.ASKED
        return False

    async def ask(self, claim: Claim) -> None:
        """Wait until let go."""
        self.asked.append(claim)
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        super().reserve(claim, 0)

    def settle(self, claim: Claim, now_ns: int) -> None:
        """Note it."""
        self.settled.append(claim)
        super().settle(claim, now_ns)


def put_in_force(served: Any, burst: int) -> tuple[FakeStore, FakeJudge]:
    """A server's processor with a store and a judge."""
    store, judge = FakeStore(), FakeJudge()
    processor = served.wired.processor
    processor._classifiers, processor.limiter = judge, store
    config = CONFIG.replace("AWAIT_MS", "10000") + LIMITS.replace("BURST", str(burst))
    processor.snapshot = snapshot(config=config + "envoy: { message_timeout_ms: 60000 }\n")
    return store, judge


@pytest.mark.parametrize("size", [1, 50_000])
@in_loop
async def test_a_request_waits_for_both_at_once(listen: str, size: int) -> None:  # noqa: F811
    """It goes on after the later one, whichever that is; also if it is so large that a thread reads it."""
    async with serving(listen) as served:
        store, judge = put_in_force(served, 10)
        for first, second in ((store, judge), (judge, store)):
            first.let_go.clear()
            second.let_go.clear()
            asked = len(store.asked), len(judge.asked)
            call = served.exchange()
            await say(call, request_headers())
            await call.write(request_body("good " * size))
            await until(lambda: (len(store.asked), len(judge.asked)) == (asked[0] + 1, asked[1] + 1))  # noqa: B023
            first.let_go.set()
            second.let_go.set()
            reply = await call.read()
            while reply.WhichOneof("response") is None:  # more time for a long message
                reply = await call.read()
            assert reply.WhichOneof("response") == "request_body"
            assert len(await say(call, response_headers(), response_body())) == 2
            await call.done_writing()
        await until(lambda: len(store.settled) == 2)
        assert [served.wired.steps.count(phase) for phase in ("verdict", "limits")] == [2, 2]


@in_loop
async def test_a_request_is_refused_by_the_store(listen: str) -> None:  # noqa: F811
    """With 429, before the verdict has come."""
    async with serving(listen) as served:
        store, judge = put_in_force(served, 1)
        store.let_go.set()
        limits = served.wired.processor.snapshot.rate_limits
        assert limits is not None
        LocalLimits.reserve(store, Claim(limits.of(ExchangeRecord("before", "", 0, endpoint="chat"))), 0)
        call = served.exchange()
        await say(call, request_headers())
        await call.write(request_body("good"))
        reply = await call.read()
        assert reply.immediate_response.status.code == 429
        names = [option.header.key for option in reply.immediate_response.headers.set_headers]
        assert {"retry-after", "retry-after-ms", "x-ratelimit-limit-requests"} <= set(names)
        await until(lambda: judge.given_up == 1)


@in_loop
async def test_a_verdict_that_refuses_ends_the_wait_for_the_store(listen: str) -> None:  # noqa: F811
    """What the store reserves all the same is settled."""
    async with serving(listen) as served:
        store, judge = put_in_force(served, 10)
        judge.let_go.set()
        call = served.exchange()
        await say(call, request_headers())
        await call.write(request_body("bad"))
        assert (await call.read()).immediate_response.status.code == 400
        await until(lambda: store.given_up == 1)
        await until(lambda: len(store.settled) == 1)


@in_loop
async def test_a_client_that_leaves_ends_the_wait(listen: str) -> None:  # noqa: F811
    """Its exchange is measured as aborted."""
    async with serving(listen) as served:
        store, _ = put_in_force(served, 10)
        call = served.exchange()
        await say(call, request_headers())
        await call.write(request_body("good"))
        await until(lambda: store.asked)
        call.cancel()
        await until(lambda: store.given_up == 1)
        await until(lambda: [record.outcome for record in served.wired.records.all] == [Outcome.ABORTED])
        assert store.settled == store.asked
