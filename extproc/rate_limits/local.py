"""Rate limits that each process counts for itself."""

from __future__ import annotations

from threading import Lock

from extproc.config.compiled_rate_limits import CompiledRateLimits
from extproc.exchange.claims import Claim
from extproc.exchange.limit_memory import LimitMemory


class LocalLimits(LimitMemory):
    """The limits of one process. With several workers, each has its part: a limit is never multiplied by them."""

    def __init__(self) -> None:
        super().__init__(Lock())

    def configure(self, limits: CompiledRateLimits | None) -> None:
        """Replace the limits."""
        self.keep(() if limits is None else limits.limits, 1 if limits is None else limits.parts)

    async def close(self, wait_s: float) -> None:
        """Nothing is kept."""

    async def ask(self, claim: Claim) -> None:
        """Nothing is left to a store."""
        raise AssertionError("every claim is decided here")
