"""The verdicts that a request waits for; it continues when all have arrived."""

from __future__ import annotations

from collections.abc import Sequence

from extproc.domain.errors import PayloadRefused
from extproc.exchange.events import ContinueBody, VerdictMissing, VerdictReceived
from extproc.filters.base import ExchangeContext, Guard
from extproc.filters.chain import note_failure


class NoVerdict(Exception):
    """A verdict is missing; the message is the reason, in one word."""


class OpenChecks:
    """Open checks. The request has already passed the guards, so ``forward`` is the command that continues it."""

    def __init__(self, guards: Sequence[Guard], exchange: ExchangeContext, forward: ContinueBody) -> None:
        self._guards = {guard.name: guard for guard in guards}
        self._exchange = exchange
        self._forward = forward
        self.open = exchange.outbox.checks
        exchange.outbox.checks = []

    def take(self, event: VerdictReceived | VerdictMissing) -> ContinueBody | None:
        """Accept one verdict. Returns: the command that continues the request; None while other checks are open.

        Raises: PayloadRefused if a guard refuses; FilterFailed if the verdict is missing and its guard fails closed.
        """
        guard = self._guards[event.check.guard]
        self.open = [check for check in self.open if check is not event.check]
        if isinstance(event, VerdictMissing):
            note_failure(guard, self._exchange, NoVerdict(event.reason))
        elif (error := guard.on_verdict(event.found, self._exchange)) is not None:
            raise PayloadRefused(error)
        return None if self.open else self._forward
