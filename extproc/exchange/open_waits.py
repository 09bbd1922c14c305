"""What a request waits for: verdicts of classifiers, and the store of rate limits."""

from __future__ import annotations

from collections.abc import Sequence

from extproc.domain.errors import PayloadRefused
from extproc.exchange.claims import Claim
from extproc.exchange.events import ContinueBody, VerdictMissing, VerdictReceived, Wait
from extproc.filters.base import ExchangeContext, Guard
from extproc.filters.chain import note_failure


class NoVerdict(Exception):
    """A verdict is missing; the message is the reason, in one word."""


class OpenWaits:
    """Open waits. The request has already passed the guards, so ``forward`` is the command that continues it.

    Args:
        body: as ``forward`` sends it, if a verdict may mask something in it.
        claim: that a store is asked for, if any.
    """

    def __init__(
        self,
        guards: Sequence[Guard],
        exchange: ExchangeContext,
        forward: ContinueBody,
        body: bytes = b"",
        claim: Claim | None = None,
    ) -> None:
        self._guards = {guard.name: guard for guard in guards}
        self._exchange = exchange
        self._forward = forward
        self.body = body if any(check.locates for check in exchange.outbox.checks or ()) else b""
        self.open: list[Wait] = [*(exchange.outbox.checks or ())]
        if claim is not None:
            self.open.append(claim)
        exchange.outbox.checks = None

    def take(self, event: VerdictReceived | VerdictMissing) -> ContinueBody | None:
        """Accept one verdict. Returns: the command that continues the request; None while it waits for others.

        Raises: PayloadRefused if a guard refuses; FilterFailed if the verdict is missing and its guard fails closed.
        """
        guard = self._guards[event.check.guard]
        if isinstance(event, VerdictMissing):
            note_failure(guard, self._exchange, NoVerdict(event.reason))
            error = guard.on_no_verdict(self._exchange)
        else:
            error = guard.on_verdict(event.found, self._exchange)
        if error is not None:
            raise PayloadRefused(error)
        return self.close(event.check)

    def close(self, wait: Wait) -> ContinueBody | None:
        """End one wait. Returns: as ``take``."""
        self.open = [one for one in self.open if one is not wait]
        return None if self.open else self._forward
