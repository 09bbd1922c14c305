"""Processors that share a store of rate limits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from extproc.config.compiled_rate_limits import CompiledRateLimits
from extproc.domain.usage import Usage
from extproc.exchange.claims import Claim, ClaimStatus
from extproc.rate_limits.shared import SharedLimits
from tests.tools.valkey import Valkey
from tests.unit.exchange.limits import claim_of, compiled

WAIT_MS = 500
"""Long enough on a busy machine; the tests of the deadline have their own."""


class Meter:
    """What was counted."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.alone: list[str] = []
        self.round_trips: list[float] = []

    def rate_limit_store_took(self, seconds: float) -> None:
        """A round trip."""
        self.round_trips.append(seconds)

    def rate_limit_store_error(self, reason: str) -> None:
        """A failure."""
        self.errors.append(reason)

    def rate_limit_decided_alone(self, policy: str) -> None:
        """An exchange without the store."""
        self.alone.append(policy)


class Log:
    """The lines that were written."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, message: str, **fields: Any) -> None:
        """Take one."""
        self.lines.append(f"{message} {fields}")

    warning = error = info


class Processor:
    """One of several that share a store."""

    def __init__(self, limits: CompiledRateLimits) -> None:
        self.meter, self.log = Meter(), Log()
        self.shared = SharedLimits(self.meter, self.log)
        self.limits = limits
        self.shared.configure(limits)

    async def asks(self, tokens: int = 1, team: str = "search") -> Claim:
        """What becomes of one request."""
        claim = claim_of(self.limits, tokens, team=team)
        if not self.shared.reserve(claim, time.monotonic_ns()):
            await self.shared.ask(claim)
        return claim

    async def admits(self, tokens: int = 1) -> bool:
        """Whether one request goes on."""
        return (await self.asks(tokens)).status is not ClaimStatus.REFUSED

    def ends(self, claim: Claim, tokens: int) -> None:
        """An exchange has ended."""
        claim.use(Usage(tokens, 0), None)
        self.shared.settle(claim, time.monotonic_ns())


def limits_of(server: Valkey, *limits: dict[str, Any], **keys: Any) -> CompiledRateLimits:
    """Limits in this store."""
    section = {"limits": limits, "store": server.url, "store_wait_ms_max": WAIT_MS, **keys}
    return compiled(rate_limits=section)


async def until(happened: Callable[[], bool]) -> None:
    """Wait for it, as long as the test may take."""
    while not happened():
        await asyncio.sleep(0.005)


def is_there(processor: Processor) -> bool:
    """Whether the store is asked."""
    store = processor.shared._store
    return store is not None and store.is_there


@asynccontextmanager
async def processors(count: int, limits: CompiledRateLimits, there: bool = True) -> AsyncIterator[list[Processor]]:
    """Some, connected."""
    found = [Processor(limits) for _ in range(count)]
    try:
        if there:
            await until(lambda: all(map(is_there, found)))
        yield found
    finally:
        for one in found:
            await one.shared.close(1)
